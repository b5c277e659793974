"""Verbs change the guest in the call; the answer carries it, or says why not."""

from __future__ import annotations

import json
import socket
from typing import TYPE_CHECKING, Any

import pytest

from testkit.apps import KINDS
from testkit.browsing import expired_session, guest_lines
from testkit.core import Core
from testkit.sdk import guest_jwt
from testkit.visitors import cleared

if TYPE_CHECKING:
    from testkit.apps import Kind, Told
    from testkit.browsing import Browse, Open

pytestmark = pytest.mark.parametrize("kind", KINDS)

CART = {"cart": ["sku-1"]}


@pytest.mark.parametrize("way", ["async", "sync"])
def test_merge(
    open_shop: Open, browse: Browse, told: Told, kind: Kind, way: str
) -> None:
    """Top-level names are replaced, ``None`` removes one, and the guest stays."""
    browser = browse(open_shop(told.config(), kind=kind))

    first = browser.ask(("merge", {"a": {"x": 1}, "b": 2}), way=way).json()[0]
    second = browser.ask(("merge", {"a": {"y": 1}, "b": None}), ("get",), way=way)
    third = browser.ask(("get",), way=way)

    expected = {"guest": first["guest"], "payload": {"a": {"y": 1}}}
    assert {"a": {"x": 1}, "b": 2} == first["payload"]
    assert [expected, expected] == second.json()
    assert [expected] == third.json()
    assert [("issue", None), ("update", None)] == told.codes()


@pytest.mark.parametrize("guests", ["outside", "inside"])
def test_errors_are_answered(
    open_shop: Open, browse: Browse, kind: Kind, guests: Any
) -> None:
    """What a visitor can bring about is no 500 where the view does not catch it.

    The answer gives no reason.
    """
    app = open_shop(kind=kind, guests=guests)
    user = browse(app, auth_mode="cookie")
    user.login()
    cases = [
        (user, ("merge", CART), 409, "Conflict"),
        (browse(app), ("merge", {"cart": "x" * 2_000}), 413, None),
        (browse(app), ("merge", {"sub": "G-1"}), 400, "Bad Request"),
        (browse(app), ("merge", {"st-role": "admin"}), 400, "Bad Request"),
    ]
    for browser, step, status, message in cases:
        for way in ("async", "sync"):
            answer = browser.ask(step, way=way)
            assert status == answer.status_code
            assert ["message"] == list(answer.json())
            if message is not None:  # Python 3.13 has another phrase for 413
                assert message == answer.json()["message"]
            assert [] == guest_lines(answer)


def test_without_a_core(open_shop: Open, browse: Browse, kind: Kind) -> None:
    """A view cannot answer 200 and lose the item: the core signs in the call."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))  # bound and not listening: refuses connections
        core = Core(url=f"http://127.0.0.1:{unused.getsockname()[1]}")
        browser = browse(open_shop(kind=kind, core=core))

        for verb in (("merge", CART), ("visitor",)):
            answer = browser.ask(verb)
            message = {"message": "Service Unavailable"}
            assert (503, message) == (answer.status_code, answer.json())
        caught = browser.ask(("merge", CART), catches=True).json()[0]
    assert "core_unavailable" == caught["error"]


def test_refusals(open_shop: Open, browse: Browse, core: Core, kind: Kind) -> None:
    """A view that catches learns why by a fixed word."""
    app = open_shop(kind=kind)
    user, ended, foreign = browse(app, auth_mode="cookie"), browse(app), browse(app)
    user.login()
    ended.keep_cookie(expired_session(core), name="sAccessToken")
    foreign.keep_cookie(core.sign({"iss": "https://other.example"}))
    both = f"jwt={guest_jwt(core, 'G-1')}; jwt={guest_jwt(core, 'G-2')}"

    def why(browser: Any, **more: Any) -> str:
        answer = browser.ask(("merge", CART), catches=True, **more)
        assert [] == guest_lines(answer)
        code: str = answer.json()[0]["error"]
        return code

    assert "session" == why(user)
    assert "session" == why(ended)
    assert "foreign_cookie" == why(foreign)
    assert "another_guest" == why(browse(app), sent={"Cookie": both})


def test_without_the_middleware(open_shop: Open, browse: Browse, kind: Kind) -> None:
    """A verb that nothing would answer says which line is missing."""
    browser = browse(open_shop(kind=kind, guests="none"))
    line = {
        "fastapi": "app.add_middleware(GuestMiddleware)",
        "flask": "GuestMiddleware(app)",
        "django": '"supertokens_guest.django.GuestMiddleware" in MIDDLEWARE',
    }[kind.removesuffix("-asgi")]

    shown = browser.ask(("merge", CART), ("visitor",), ("clear",), catches=True).json()

    assert ["config"] * 3 == [one["error"] for one in shown]
    assert [True] * 3 == [line in one["says"] for one in shown]


def test_after_the_answer_began(
    open_shop: Open, browse: Browse, told: Told, kind: Kind
) -> None:
    """A stream that has begun carries no guest any more, and a verb says so."""
    app = open_shop(told.config(issue="lazy"), kind=kind)

    answer = browse(app).ask(
        ("get",),
        later=[("merge", CART), ("clear",), ("visitor",), ("get",)],
        catches=True,
    )
    codes = told.codes()
    changed = browse(app).ask(
        ("merge", {"a": 1}), later=[("merge", {"b": 2}), ("get",)], catches=True
    )

    *_, late = answer.text.splitlines()
    assert ["answered"] * 3 + [None] == [
        one and one["error"] for one in json.loads(late)
    ]
    assert [("issue-refused", "answered")] * 3 == codes  # the core was not asked
    first, late = changed.text.splitlines()
    assert 1 == len(guest_lines(changed))
    refused, seen = json.loads(late)
    assert ("answered", json.loads(first)) == (refused["error"], [seen])


def test_clear(open_shop: Open, browse: Browse, core: Core, kind: Kind) -> None:
    """A view may let the guest go; what it does afterwards is another guest's."""
    browser = browse(open_shop(kind=kind))
    browser.keep_cookie(guest_jwt(core, payload=CART))

    gone = browser.ask(("clear",), ("get",), cookies={"a": "1"})
    browser.keep_cookie(guest_jwt(core, payload=CART))
    replaced = browser.ask(("clear",), ("merge", {"n": 1}), catches=True)

    assert (True, [None, None]) == (cleared(gone), gone.json())
    assert "a=1" in "".join(gone.headers.get_list("set-cookie"))
    assert "private, no-store" == gone.headers["cache-control"]
    shown = replaced.json()[1]
    assert {"n": 1} == shown["payload"]
    assert "G-1" != shown["guest"]
    assert 1 == len(guest_lines(replaced))
    assert shown == browser.who()


def test_clear_beside_another_ones(
    open_shop: Open, browse: Browse, core: Core, kind: Kind
) -> None:
    """What has the cookie's name and is somebody else's is not cleared."""
    browser = browse(open_shop(kind=kind))
    browser.keep_cookie(core.sign({"iss": "https://other.example"}))

    assert [] == guest_lines(browser.ask(("clear",)))


@pytest.mark.parametrize("guests", ["outside", "inside"])
def test_login_takes_what_was_changed(
    open_shop: Open, browse: Browse, core: Core, kind: Kind, guests: Any
) -> None:
    """A login takes the guest as this request left it, and clears it once."""
    app = open_shop(kind=kind, guests=guests)
    for before, steps, taken in (
        (CART, [("merge", {"n": 1})], {"sub": "G-1", **CART, "n": 1}),
        (CART, [("merge", {"cart": None})], {"sub": "G-1"}),
        (CART, [("clear",)], None),
    ):
        browser = browse(app, auth_mode="cookie")
        browser.keep_cookie(guest_jwt(core, payload=before))

        answer = browser.ask(*steps, ("login", "user-1"))

        assert (200, True) == (answer.status_code, cleared(answer)), steps
        assert 1 == len(guest_lines(answer))
        assert taken == browser.me().get("guest")


def test_login_of_a_new_guest(
    open_shop: Open, browse: Browse, told: Told, kind: Kind
) -> None:
    """Who becomes a guest and a user in one request leaves no guest behind."""
    app = open_shop(told.config(), kind=kind)
    browser = browse(app, auth_mode="cookie")

    answer = browser.ask(("merge", CART), ("login", "user-1"))

    assert (200, None) == (answer.status_code, browser.guest_cookie)
    assert CART["cart"] == browser.me()["guest"]["cart"]
    assert ["user-1"] == [transfer.user_id for transfer in told.transfers]


def test_after_the_login(open_shop: Open, browse: Browse, kind: Kind) -> None:
    """A verb after the login of the same request is refused as in any later one."""
    browser = browse(open_shop(kind=kind), auth_mode="cookie")

    answer = browser.ask(("login", "user-1"), ("merge", CART), catches=True)

    assert ["user-1", "session"] == [answer.json()[0], answer.json()[1]["error"]]
    assert [] == guest_lines(answer)


def test_sign_out(open_shop: Open, browse: Browse, core: Core, kind: Kind) -> None:
    """Signing out clears what came, and the next request is a new guest's."""
    browser = browse(open_shop(kind=kind), auth_mode="cookie")
    browser.login()
    browser.keep_cookie(guest_jwt(core, "G-1"))

    gone = browser.sign_out()
    back = browser.ask(("get",))

    assert cleared(gone)
    assert ([None], 1) == (back.json(), len(guest_lines(back)))
    assert "G-1" != (browser.who() or {})["guest"]


def test_login_with_the_sdks_routes(
    open_shop: Open, browse: Browse, told: Told, kind: Kind
) -> None:
    """From first visit to sign-up by the SDK's own route, and nothing is left."""
    browser = browse(open_shop(told.config(), kind=kind), auth_mode="cookie")
    browser.ask(("merge", CART))
    guest = (browser.who() or {})["guest"]

    answer = browser.sign_up()

    assert (200, True) == (answer.status_code, cleared(answer))
    later = browser.ask(("data",), ("get",))
    assert [{"sub": guest, **CART}, None] == later.json()
    assert [] == guest_lines(later)
    assert [("issue", None), ("transfer", None)] == told.codes()
