"""The cookie that a route sets by hand, and the transfer that a route asks for."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest
from fastapi import FastAPI, Request, Response

from supertokens_guest import (
    GuestConfig,
    GuestRefusedError,
    GuestTransfer,
    set_guest_cookie,
)
from supertokens_guest.asyncio import create_guest_jwt
from testkit.visitors import set_cookies

if TYPE_CHECKING:
    from testkit.apps import Told
    from testkit.fixtures import Serve, Visit


def _routes(app: FastAPI) -> None:
    """Add a route that makes a guest with an id."""

    @app.post("/app/new/{guest_id}")
    async def new(guest_id: str, request: Request, response: Response) -> str:
        token = await create_guest_jwt({"at": time.monotonic_ns()}, guest_id)
        try:
            set_guest_cookie(response, token, request)
        except GuestRefusedError as error:
            return error.code
        return "set"


def test_no_guest_is_replaced_silently(serve: Serve, visit: Visit) -> None:
    """A guest who is there keeps the cookie; its own newer token gets the place."""
    visitor = visit(serve(add_routes=_routes))

    assert "set" == visitor.http.post("/app/new/G-1").json()
    first = visitor.guest_cookie
    assert "another_guest" == visitor.http.post("/app/new/G-2").json()
    assert first == visitor.guest_cookie
    assert "set" == visitor.http.post("/app/new/G-1").json()
    assert first != visitor.guest_cookie


def test_a_client_without_cookies_gets_a_header(serve: Serve, visit: Visit) -> None:
    """It keeps its tokens itself; a guest answers the way it came."""
    visitor = visit(serve(add_routes=_routes), auth_mode="header")

    answer = visitor.http.post("/app/new/G-1")

    token = answer.headers["guest-jwt"]
    assert "set-cookie" not in answer.headers
    assert "guest-jwt" in answer.headers["access-control-expose-headers"]
    visitor.http.headers["guest-jwt"] = token
    assert {"guest": "G-1"} == visitor.action("who").json()
    login = visitor.login()
    assert "remove" == login.headers["guest-jwt"]
    assert "set-cookie" not in login.headers


def test_a_cookies_token_goes_into_no_header(serve: Serve, visit: Visit) -> None:
    """A script could read there what is ``HttpOnly`` in the cookie."""
    visitor = visit(serve(add_routes=_routes), auth_mode="header")
    token = visitor.become_guest({}, "G-1")

    answer = visitor.http.post("/app/new/G-1")

    assert "guest-jwt" not in answer.headers
    assert {"jwt"} == set_cookies(answer)
    assert token != visitor.guest_cookie


@pytest.mark.parametrize("asked", [True, False], ids=["yes", "no"])
def test_the_app_may_say_who_becomes_a_guest(
    serve: Serve, visit: Visit, told: Told, asked: bool
) -> None:
    """Its ``issue`` function binds a route that issues by hand, too."""
    config = told.config(issue=lambda request: request.get_header("consent") == "yes")
    visitor = visit(serve(config, add_routes=_routes))
    headers = {"consent": "yes"} if asked else {}

    answer = visitor.http.post("/app/new/G-1", headers=headers)

    assert ("set" if asked else "not_allowed") == answer.json()
    assert asked == (visitor.guest_cookie is not None)


def test_a_fault_in_what_the_app_says_means_no(
    serve: Serve, visit: Visit, told: Told
) -> None:
    """And an event, but no error of the visitor's."""

    def issue(_: object) -> bool:
        raise LookupError

    visitor = visit(serve(told.config(issue=issue), add_routes=_routes))

    assert "not_allowed" == visitor.http.post("/app/new/G-1").json()
    assert ("issue-refused", "issue_raised") in told.codes()


@pytest.mark.parametrize("setting", ["transfer", "on_transfer"])
def test_s17_a_later_transfer_survives_the_apps_functions(
    serve: Serve, visit: Visit, told: Told, setting: str
) -> None:
    """Whichever function raises then, the request goes on and the guest is kept."""
    broken = {"on_transfer"}  # at the login, so that the guest waits

    def function(name: str) -> Any:
        def call(transfer: GuestTransfer) -> Any:
            if name in broken:
                raise RuntimeError(name)
            return transfer.guest.payload

        return call

    config = GuestConfig(
        transfer=function("transfer"),
        on_transfer=function("on_transfer"),
        on_event=told.on_event,
    )
    visitor = visit(serve(config))
    token = visitor.become_guest({"cart": [1]})
    visitor.sign_up()
    broken.clear()
    broken.add(setting)

    answer = visitor.action("transfer")

    assert {"transfer": None} == answer.json()
    assert token == visitor.guest_cookie
    reason = "hook" if setting == "on_transfer" else "error"
    assert ("transfer-failed", reason) == told.codes()[-1]
