"""What a login with a guest does while the core's keys cannot be had.

For every failure and every way to log in: the answer is that of a login without a
guest, the guest is kept, and it can be transferred once the keys are there (T15).
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import pytest

from supertokens_guest import GuestConfig
from testkit.logins import LOGINS, recipes
from testkit.proxy import FAULTY_ANSWERS, FaultyCore
from testkit.sdk import guest_jwt
from testkit.visitors import cleared, shape

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import httpx

    from testkit.apps import Told
    from testkit.core import Core
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

every_login = pytest.mark.parametrize("login", LOGINS.values(), ids=LOGINS)


@pytest.fixture
def faulty(core: Core) -> Iterator[FaultyCore]:
    """Yield the core behind a proxy that has it misbehave."""
    with FaultyCore(core) as faulty:
        yield faulty


@every_login
def test_with_keys(
    serve: Serve, visit: Visit, login: Callable[[Visitor], httpx.Response], told: Told
) -> None:
    """A guest becomes a user by any way to log in."""
    visitor = visit(serve(told.config(), recipes=recipes()))
    visitor.become_guest(CART, "G-1")

    answer = login(visitor)

    assert 200 == answer.status_code
    assert {"sub": "G-1", **CART} == visitor.me()["guest"]
    assert cleared(answer)
    assert 1 == len(told.transfers)


@every_login
@pytest.mark.parametrize("failure", ["hangs", "error"])
def test_t15_every_login(
    serve: Serve,
    visit: Visit,
    faulty: FaultyCore,
    login: Callable[[Visitor], httpx.Response],
    failure: str,
) -> None:
    """Without keys, a login of any kind answers as it does without a guest."""
    config = GuestConfig(login_wait_seconds=0.05)
    app = serve(config, recipes=recipes(), core=faulty.core)
    nobody, guest = visit(app), visit(app)
    token = guest_jwt(faulty.core, payload=CART)
    FAILURES[failure](faulty)
    expected = shape(login(nobody))
    guest.keep_cookie(token)

    answer = login(guest)

    assert expected == shape(answer)
    assert token == guest.guest_cookie


@pytest.mark.parametrize("failure", FAILURES.values(), ids=FAILURES)
def test_t15_every_failure(
    serve: Serve,
    visit: Visit,
    faulty: FaultyCore,
    told: Told,
    failure: Callable[[FaultyCore], object],
) -> None:
    """However the keys fail, a login answers as it does without a guest."""
    app = serve(told.config(login_wait_seconds=0.2), core=faulty.core)
    nobody, guest = visit(app), visit(app)
    token = guest_jwt(faulty.core, payload=CART)
    guest.keep_cookie(token)
    failure(faulty)

    answer = guest.login()

    assert shape(nobody.login()) == shape(answer)
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
    from supertokens_guest import CoreUnavailableError
    from supertokens_guest.syncio import create_guest_jwt

    serve(core=faulty.core)
    answer = None if failure == "hangs up" else FAULTY_ANSWERS["error"]
    faulty.fail(answer, method="POST", path="/recipe/jwt")

    with pytest.raises(CoreUnavailableError) as refused:
        create_guest_jwt(CART)

    assert refused.value.__cause__ is not None
