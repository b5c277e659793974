"""An app under test in Flask."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from flask import Flask, Response, g, jsonify, request, stream_with_context
from supertokens_python.framework.flask import Middleware
from supertokens_python.recipe.session.framework.flask import verify_session

from supertokens_guest.flask import GuestMiddleware, verify_visitor
from testkit.actions import ANYBODY, USERS
from testkit.scripts import GUARDS, HEADER, METHODS, Script, play, play_sync, shown

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from testkit.apps import Guests


def make_app(guests: Guests = "none") -> Flask:
    """Return the app; the SDK is initialised already."""
    app = Flask(__name__)
    middleware: dict[str, list[Any]] = {
        "none": [Middleware],
        "outside": [GuestMiddleware, Middleware],  # the first one sees the answer last
        "inside": [Middleware, GuestMiddleware],
        "alone": [GuestMiddleware],
    }
    for one in middleware[guests]:
        one(app)
    for name, (_, action) in ANYBODY.items():
        app.post(f"/app/{name}", endpoint=name)(_for_anybody(action))
    for name, (_, user_action) in USERS.items():
        app.post(f"/app/{name}", endpoint=name)(_for_users(user_action))
    _add(app, "/sync/open", _open)
    _add(app, "/async/open", _open_async)
    for name, options in GUARDS.items():
        guard = verify_visitor(**options)
        _add(app, f"/sync/{name}", guard(_guarded))
        _add(app, f"/async/{name}", guard(_guarded_async))
    return app


def _add(app: Flask, path: str, view: Callable[..., Any]) -> None:
    app.add_url_rule(path, endpoint=path, view_func=view, methods=METHODS)


def _for_anybody(
    action: Callable[[Any, dict[str, Any]], dict[str, Any]],
) -> Callable[[], dict[str, Any]]:
    def view() -> dict[str, Any]:
        return action(request, request.get_json())

    return view


def _for_users(
    action: Callable[[Any, Any], dict[str, Any]],
) -> Callable[[], dict[str, Any]]:
    @verify_session(override_global_claim_validators=lambda *_: [])
    def view() -> dict[str, Any]:
        return action(request, g.supertokens)

    return view


def _open() -> Response:
    script = Script.of(request.headers.get(HEADER))
    return _answer(script, play_sync(request, script))


async def _open_async() -> Response:
    script = Script.of(request.headers.get(HEADER))
    return _answer(script, await play(request, script))


def _guarded() -> Response:
    script = Script.of(request.headers.get(HEADER))
    return _answer(script, [shown(g.visitor), *play_sync(request, script)])


async def _guarded_async() -> Response:
    script = Script.of(request.headers.get(HEADER))
    return _answer(script, [shown(g.visitor), *await play(request, script)])


def _answer(script: Script, came: list[Any]) -> Response:
    if script.later:
        return Response(stream_with_context(_stream(script, came)))
    response = jsonify(came)
    response.status_code = script.status
    decorated: Response = script.decorate(response, request)
    return decorated


def _stream(script: Script, came: list[Any]) -> Iterator[str]:
    yield json.dumps(came) + "\n"
    yield json.dumps(play_sync(request, script, script.later))
