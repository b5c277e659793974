"""What a login with a guest does while the core's keys cannot be had.

For every failure and every way to log in: the answer is that of a login without a
guest, the guest is kept, and it can be transferred once the keys are there (T15).
"""

from __future__ import annotations

import uuid
from functools import partial
from typing import TYPE_CHECKING

import httpx
import pytest

from supertokens_guest import CoreUnavailableError
from supertokens_guest._runtime import Runtime
from supertokens_guest.syncio import create_guest_jwt
from testkit.login_recipes import Login, World, by_code, by_link, by_third_party
from testkit.provider import running_provider
from testkit.proxy import FAULTY_ANSWERS, FaultyCore
from testkit.sdk import guest_jwt
from testkit.visitors import cleared, shape

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from testkit.apps import Told
    from testkit.fixtures import Serve, Visit
    from testkit.visitors import Visitor

CART = {"cart": ["sku-1"]}

# What the core, or whatever is before it, does when it is asked for keys.
FAILURES: dict[str, Callable[[FaultyCore], object]] = {
    **{
        name: partial(FaultyCore.fail, answer=answer)
        for name, answer in FAULTY_ANSWERS.items()
    },
    "hangs": FaultyCore.hold,
    "hangs up": lambda faulty: faulty.fail(None),
    "drips": lambda faulty: faulty.fail(FAULTY_ANSWERS["no keys"], drip_seconds=0.01),
}


def again(visitor: Visitor, _: World) -> httpx.Response:
    """Sign in to an account that is there."""
    cookies = httpx.Cookies(visitor.http.cookies)
    visitor.http.cookies.clear()
    visitor.sign_up()
    visitor.http.cookies = cookies
    return visitor.sign_in()


LOGINS: dict[str, Login] = {
    "sign-up": lambda visitor, _: visitor.sign_up(),
    "sign-in": again,
    "third party": by_third_party,
    "code": by_code,
    "link": by_link,
    "own route": lambda visitor, _: visitor.login(str(uuid.uuid4())),
}


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    """Have all the recipes around the app."""
    with running_provider() as provider:
        yield World(provider=provider)


@pytest.fixture
def _no_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let logins wait less for keys that will not come."""
    monkeypatch.setattr(Runtime, "login_wait_seconds", 0.2)


@pytest.mark.usefixtures("_no_patience")
@pytest.mark.parametrize("failure", ["hangs", "error"])
def test_t15_every_login(
    serve: Serve, visit: Visit, faulty: FaultyCore, world: World, failure: str
) -> None:
    """Without keys, a login of any kind answers as it does without a guest."""
    app = serve(recipes=world.recipes(), core=faulty.core)
    token = guest_jwt(faulty.core, payload=CART)
    FAILURES[failure](faulty)

    for name, login in LOGINS.items():
        nobody, guest = visit(app), visit(app)
        guest.keep_cookie(token)
        expected, found = shape(login(nobody, world)), shape(login(guest, world))
        assert {*expected.pop("payload"), "sg-waiting"} == set(found.pop("payload"))
        assert expected == found, name
        assert token == guest.guest_cookie, name


@pytest.mark.usefixtures("_no_patience")
@pytest.mark.parametrize("failure", FAILURES.values(), ids=FAILURES)
def test_t15_every_failure(
    serve: Serve,
    visit: Visit,
    faulty: FaultyCore,
    told: Told,
    failure: Callable[[FaultyCore], object],
) -> None:
    """However the keys fail, a login answers as it does without a guest."""
    app = serve(told.config(), core=faulty.core)
    nobody, guest = visit(app), visit(app)
    token = guest_jwt(faulty.core, payload=CART)
    guest.keep_cookie(token)
    failure(faulty)

    answer = guest.login()

    expected, found = shape(nobody.login()), shape(answer)
    assert {*expected.pop("payload"), "sg-waiting"} == set(found.pop("payload"))
    assert expected == found
    assert token == guest.guest_cookie
    assert ("transfer-skipped", "keys_unavailable") in told.codes()
    assert [] == told.transfers


def test_known_key(serve: Serve, visit: Visit, faulty: FaultyCore, told: Told) -> None:
    """With keys in hand, an outage does not touch guests of a known key."""
    visitor = visit(serve(told.config(), core=faulty.core))
    visitor.become_guest(CART)
    faulty.fail(None)

    assert cleared(visitor.login())
    assert [CART] == [transfer.moved for transfer in told.transfers]


def test_no_core_at_all(serve: Serve, visit: Visit, faulty: FaultyCore) -> None:
    """With the core down, a guest's login fails as any other does, and keeps it."""
    visitor = visit(serve(core=faulty.core))
    token = visitor.become_guest(CART)
    faulty.fail(None, method="POST", path="/recipe/session")

    assert 500 == visitor.login().status_code
    assert token == visitor.guest_cookie


@pytest.mark.parametrize("failure", ["error", "hangs up"])
def test_issue_without_a_core(
    serve: Serve, visit: Visit, faulty: FaultyCore, failure: str
) -> None:
    """A guest that the core does not sign is an error of its own, with its cause."""
    serve(core=faulty.core)
    answer = None if failure == "hangs up" else FAULTY_ANSWERS["error"]
    faulty.fail(answer, method="POST", path="/recipe/jwt")

    with pytest.raises(CoreUnavailableError) as refused:
        create_guest_jwt(CART)

    assert refused.value.__cause__ is not None
