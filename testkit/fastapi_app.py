"""An app under test in FastAPI."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fastapi import Body, Depends, FastAPI, Request
from supertokens_python.framework.fastapi import get_middleware
from supertokens_python.recipe.session import (
    SessionContainer,  # noqa: TC002 - FastAPI reads the annotations
)
from supertokens_python.recipe.session.framework.fastapi import verify_session

from testkit.actions import ANYBODY, USERS

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable


def make_app() -> FastAPI:
    """Return the app; the SDK is initialised already."""
    app = FastAPI()
    app.add_middleware(get_middleware())
    for name, (action, _) in ANYBODY.items():
        app.post(f"/app/{name}")(_for_anybody(action))
    for name, (user_action, _) in USERS.items():
        app.post(f"/app/{name}")(_for_users(user_action))
    return app


def _for_anybody(
    action: Callable[[Any, dict[str, Any]], Awaitable[dict[str, Any]]],
) -> Callable[..., Awaitable[dict[str, Any]]]:
    async def route(
        request: Request,
        body: dict[str, Any] = Body(),  # noqa: B008 - FastAPI's way
    ) -> dict[str, Any]:
        return await action(request, body)

    return route


def _for_users(
    action: Callable[[Any, SessionContainer], Awaitable[dict[str, Any]]],
) -> Callable[..., Awaitable[dict[str, Any]]]:
    guard = Depends(verify_session(override_global_claim_validators=lambda *_: []))

    async def route(
        request: Request,
        session: SessionContainer = guard,
    ) -> dict[str, Any]:
        return await action(request, session)

    return route
