"""A guest's life under the servers that people deploy with, each for real.

One request at a time under greenlets: the SDK itself survives no parallel ones there.
"""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from testkit.apps import App
from testkit.core import ADDRESS, API_KEY
from testkit.forging import static_key
from testkit.sdk import ISSUER, guest_jwt
from testkit.served import GUARDED
from testkit.servers import SERVERS, serving
from testkit.visitors import Visitor, cleared, set_cookies

if TYPE_CHECKING:
    from collections.abc import Iterator

    from testkit.core import Core

CART = {"cart": ["sku-1"]}


@pytest.mark.parametrize(
    ("name", "framework"),
    [
        *((name, "flask") for name in SERVERS),
        # Django drives the SDK by other means, where threads may be none.
        *((name, "django") for name in ("gunicorn gevent", "eventlet", "uwsgi")),
    ],
)
def test_a_guests_life(core: Core, name: str, framework: str) -> None:
    """Each answer is what it is without guests, and guests get what is theirs."""
    with _served(core, name, framework) as app:
        before = _nobody(app)

        _login_with_cold_keys(app)
        _forged_guest(app, before)
        _guest_by_hand(app)
        _guest_of_a_coroutine(app)
        _guest_of_the_middleware(app)

        assert before == _nobody(app)
        if not SERVERS[name].is_greenlet:
            with ThreadPoolExecutor(8) as pool:
                list(pool.map(lambda _: _guest_by_hand(app), range(8), timeout=60))


@contextmanager
def _served(core: Core, name: str, framework: str) -> Iterator[App]:
    """Serve the shop; with a guest made at the import where the server forks then."""
    server = SERVERS[name]
    missing = server.missing()
    if missing and os.environ.get("SUPERTOKENS_GUEST_REQUIRE_PROGRAMS"):
        pytest.fail(missing)
    if missing:
        pytest.skip(missing)
    environment = {ADDRESS: core.url, "SHOP_FRAMEWORK": framework}
    if core.api_key is not None:
        environment[API_KEY] = core.api_key
    if server.forks:
        environment["SHOP_GUEST_AT_IMPORT"] = "yes"
    with serving(server.command, "testkit.served.shop:app", **environment) as url:
        yield App(url=url, prefix="/app", is_async=False, core=core, native=None)


@contextmanager
def _visitor(app: App, **headers: str) -> Iterator[Visitor]:
    """Open a browser; without connections to keep, which uWSGI closes unannounced."""
    with Visitor(app) as visitor:
        visitor.http.headers.update({"connection": "close", **headers})
        yield visitor


def _nobody(app: App, token: str | None = None) -> list[Any]:
    """Return what a visitor sees who is no guest, whatever the cookie is."""
    with _visitor(app) as visitor:
        if token is not None:
            visitor.keep_cookie(token)
        answers = [
            visitor.action("bare"),
            visitor.action("who"),
            visitor.sign_up(),
            visitor.action("me"),
            visitor.refresh(),
            visitor.sign_out(),
            visitor.login(),
        ]
    assert [200] * 7 == [answer.status_code for answer in answers]
    # A cookie that is cleared makes an answer private, and no more.
    ignored = {"cache-control", "content-length", "date", "vary"}
    return [
        (sorted(answer.headers.keys() - ignored), set_cookies(answer) - {"jwt"})
        for answer in answers
    ]


def _login_with_cold_keys(app: App) -> None:
    """Sign up with a guest of a key that no process of the server has fetched yet."""
    with _visitor(app) as visitor:
        visitor.keep_cookie(guest_jwt(app.core, "G-cold", CART))
        answer = visitor.sign_up()
        assert cleared(answer)
        assert {"sub": "G-cold", **CART} == visitor.me()["guest"]


def _forged_guest(app: App, before: list[Any]) -> None:
    """Come with a guest that is well formed and that no core has signed."""
    assert before == _nobody(app, static_key().token(iss=ISSUER))


def _guest_by_hand(app: App) -> None:
    """Be issued, verified and transferred by the routes of an app."""
    with _visitor(app) as visitor:
        visitor.become_guest(CART, "G-hand")
        assert {"guest": "G-hand"} == visitor.action("who").json()
        assert cleared(visitor.sign_up())
        assert {"sub": "G-hand", **CART} == visitor.me()["guest"]


def _guest_of_a_coroutine(app: App) -> None:
    """Be issued in a view that is a coroutine function."""
    with _visitor(app) as visitor:
        token = visitor.action("awaited").json()["token"]
        visitor.keep_cookie(token)
        assert visitor.action("who").json()["guest"].startswith("G-")


def _guest_of_the_middleware(app: App) -> None:
    """Become a guest by a look at the shop, fill a cart, and sign up."""
    with _visitor(app, **{GUARDED: "yes"}) as visitor:
        assert 200 == visitor.action("bare").status_code
        assert visitor.guest_cookie is not None
        assert CART == visitor.action("add", **CART).json()
        guest_id = visitor.action("visitor").json()["visitor"]
        assert cleared(visitor.sign_up())
        assert {"sub": guest_id, **CART} == visitor.me()["guest"]
