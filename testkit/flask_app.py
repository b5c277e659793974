"""An app under test in Flask."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flask import Flask, g, request
from supertokens_python.framework.flask import Middleware
from supertokens_python.recipe.session.framework.flask import verify_session

from testkit.actions import ANYBODY, USERS

if TYPE_CHECKING:
    from collections.abc import Callable


def make_app() -> Flask:
    """Return the app; the SDK is initialised already."""
    app = Flask(__name__)
    Middleware(app)
    for name, (_, action) in ANYBODY.items():
        app.post(f"/app/{name}", endpoint=name)(_for_anybody(action))
    for name, (_, user_action) in USERS.items():
        app.post(f"/app/{name}", endpoint=name)(_for_users(user_action))
    return app


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
