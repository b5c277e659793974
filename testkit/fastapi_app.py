"""An app under test in FastAPI."""

from __future__ import annotations

import json
from functools import cache
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from fastapi import APIRouter, Body, Depends, FastAPI, Request, Response
from fastapi.responses import JSONResponse, StreamingResponse
from starlette.background import BackgroundTask
from supertokens_python.framework.fastapi import get_middleware
from supertokens_python.recipe.session import SessionContainer
from supertokens_python.recipe.session.framework.fastapi import verify_session

from supertokens_guest import Visitor
from supertokens_guest.fastapi import GuestMiddleware, verify_visitor
from testkit.actions import ANYBODY, USERS
from testkit.scripts import GUARDS, HEADER, METHODS, Script, play, play_sync, shown

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from testkit.apps import Guests


def make_app(guests: Guests = "none") -> FastAPI:
    """Return the app; the SDK is initialised already."""
    app = FastAPI()
    middleware: dict[str, list[Any]] = {
        "none": [get_middleware()],
        "outside": [get_middleware(), GuestMiddleware],  # the last one is outside
        "inside": [GuestMiddleware, get_middleware()],
        "alone": [GuestMiddleware],
    }
    for one in middleware[guests]:
        app.add_middleware(one)
    for name, (action, _) in ANYBODY.items():
        app.post(f"/app/{name}")(_for_anybody(action))
    for name, (user_action, _) in USERS.items():
        app.post(f"/app/{name}")(_for_users(user_action))
    app.router.routes += _scripted().routes
    _last_app.dependency_overrides = app.dependency_overrides
    return app


_last_app = SimpleNamespace(dependency_overrides={})


@cache
def _scripted() -> APIRouter:
    """Return the routes that do what the request says: many, so made once for all apps.

    Those behind ``verify_session`` are not: each keeps a context of the SDK's.
    """
    router = APIRouter(dependency_overrides_provider=_last_app)
    _add(router, "/async/open", _open)
    _add(router, "/sync/open", _open_sync)
    router.get("/async/background")(_background)
    for name, options in GUARDS.items():
        guard = Depends(verify_visitor(**options))
        _add(router, f"/async/{name}", _guarded(guard))
        _add(router, f"/sync/{name}", _guarded_sync(guard))
    return router


def _add(router: APIRouter, path: str, view: Callable[..., Any]) -> None:
    for method in METHODS:  # one by one: each has an id in the description
        router.api_route(path, methods=[method])(view)


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


async def _open(request: Request, response: Response) -> Any:
    script = Script.of(request.headers.get(HEADER))
    return _answer(request, response, script, await play(request, script))


def _open_sync(request: Request, response: Response) -> Any:
    script = Script.of(request.headers.get(HEADER))
    return _answer(request, response, script, play_sync(request, script))


def _guarded(guard: Any) -> Callable[..., Any]:
    async def view(
        request: Request, response: Response, visitor: Visitor = guard
    ) -> Any:
        script = Script.of(request.headers.get(HEADER))
        came = [shown(visitor), *await play(request, script)]
        return _answer(request, response, script, came)

    return view


def _guarded_sync(guard: Any) -> Callable[..., Any]:
    def view(request: Request, response: Response, visitor: Visitor = guard) -> Any:
        script = Script.of(request.headers.get(HEADER))
        came = [shown(visitor), *play_sync(request, script)]
        return _answer(request, response, script, came)

    return view


def _answer(
    request: Request, response: Response, script: Script, came: list[Any]
) -> Any:
    if script.injected:
        response.status_code = script.status
        script.decorate(response, request)
        return came
    if script.later:
        return StreamingResponse(_stream(request, script, came))
    return script.decorate(JSONResponse(came, script.status), request)


async def _stream(
    request: Request, script: Script, came: list[Any]
) -> AsyncIterator[str]:
    yield json.dumps(came) + "\n"
    yield json.dumps(await play(request, script, script.later))


def _background(request: Request) -> Response:
    """Do the later steps when the answer is gone, and keep what they came to."""
    script = Script.of(request.headers.get(HEADER))

    async def task() -> None:
        request.app.state.background = await play(request, script, script.later)

    return JSONResponse([], background=BackgroundTask(task))
