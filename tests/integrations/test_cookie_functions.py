"""The cookie that a route sets by hand, and the transfer that a route asks for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import pytest
from fastapi import Depends, FastAPI, Request, Response
from supertokens_python.recipe.session import SessionContainer
from supertokens_python.recipe.session.framework.fastapi import verify_session

from supertokens_guest import GuestConfig, GuestTransfer, TokenError
from supertokens_guest.asyncio import create_guest_jwt, transfer_guest
from supertokens_guest import set_guest_cookie

if TYPE_CHECKING:
    from testkit.fixtures import Serve, Visit


def _routes(app: FastAPI) -> None:
    """Add a route that makes a new guest, and one that transfers."""

    @app.post("/app/new/{guest_id}")
    async def new(
        guest_id: str, request: Request, response: Response
    ) -> dict[str, bool]:
        token = await create_guest_jwt({"cart": [guest_id]}, guest_id)
        return {"set": set_guest_cookie(response, token, request)}

    @app.post("/app/replace/{guest_id}")
    async def replace(guest_id: str, response: Response) -> dict[str, bool]:
        token = await create_guest_jwt({"cart": [guest_id]}, guest_id)
        return {"set": set_guest_cookie(response, token)}

    @app.post("/app/junk")
    async def junk(response: Response) -> dict[str, bool]:
        try:
            return {"set": set_guest_cookie(response, "junk")}
        except TokenError:
            return {"set": False}

    @app.post("/app/late")
    async def late(
        request: Request,
        session: Annotated[SessionContainer, Depends(verify_session())],
    ) -> dict[str, bool]:
        transfer = await transfer_guest(request, session)
        return {"transferred": transfer is not None}


def test_no_guest_is_replaced_silently(serve: Serve, visit: Visit) -> None:
    """A guest who is there keeps the cookie; its own newer token gets the place."""
    visitor = visit(serve(add_routes=_routes))

    assert {"set": True} == visitor.http.post("/app/new/G-1").json()
    first = visitor.guest_cookie
    assert {"set": False} == visitor.http.post("/app/new/G-2").json()
    assert first == visitor.guest_cookie
    assert {"set": True} == visitor.http.post("/app/new/G-1").json()
    assert {"set": True} == visitor.http.post("/app/replace/G-2").json()
    assert first != visitor.guest_cookie


def test_only_a_guest_becomes_a_guest_cookie(serve: Serve, visit: Visit) -> None:
    """A route that mixes up its tokens is told so, and sets nothing."""
    visitor = visit(serve(add_routes=_routes))

    assert {"set": False} == visitor.http.post("/app/junk").json()
    assert visitor.guest_cookie is None


@pytest.mark.parametrize("setting", ["is_revoked", "transfer", "on_transfer"])
def test_s17_a_later_transfer_survives_the_apps_functions(
    serve: Serve, visit: Visit, setting: str
) -> None:
    """Whichever function raises, the request goes on and the guest is kept."""
    broken = {setting}

    def function(value: Any) -> Any:
        if setting in broken:
            raise RuntimeError(setting)
        return value.guest.payload if isinstance(value, GuestTransfer) else False

    settings: dict[str, Any] = {setting: function}
    visitor = visit(serve(GuestConfig(**settings), add_routes=_routes))
    visitor.become_guest({"cart": [1]})
    visitor.sign_up()
    kept = visitor.guest_cookie
    assert kept

    assert {"transferred": False} == visitor.http.post("/app/late").json()
    assert kept == visitor.guest_cookie
    broken.clear()
    assert {"transferred": True} == visitor.http.post("/app/late").json()
    assert not visitor.guest_cookie
    assert [1] == visitor.me()["guest"]["cart"]
