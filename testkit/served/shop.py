"""The app under test as a WSGI server loads it: ``testkit.served.shop:app``.

The environment says which framework it is, and whether a guest is made at the import,
as a script does before the server forks.
"""

# mypy: disable-error-code="import-untyped,no-untyped-call"
# Django has neither annotations nor stubs that a test should need.

from __future__ import annotations

import asyncio
import os
from typing import TYPE_CHECKING, Any

import supertokens_guest.asyncio as guests
from supertokens_guest import syncio
from supertokens_guest._runtime import Runtime
from testkit.core import ADDRESS, API_KEY, Core
from testkit.sdk import Setup, init_sdk
from testkit.served import GUARDED

if TYPE_CHECKING:
    from collections.abc import Callable


# A login that waits for keys in vain outlasts its visitor's patience, and fails a test.
Runtime.login_wait_seconds *= 300


def bare(_: Any, __: dict[str, Any]) -> dict[str, Any]:
    """Ask nothing of the SDK or the package."""
    return {"pid": os.getpid()}


def visitor(request: Any, _: dict[str, Any]) -> dict[str, Any]:
    """Tell who asks; a guest is made if need be."""
    return {"visitor": syncio.get_visitor(request).id}


def add(request: Any, body: dict[str, Any]) -> dict[str, Any]:
    """Put something into the guest's payload."""
    return dict(syncio.merge_into_guest_payload(request, body).payload)


async def awaited() -> dict[str, Any]:
    """Make a guest in a coroutine."""
    return {"token": await guests.create_guest_jwt()}


VIEWS = {"bare": bare, "visitor": visitor, "add": add}


def _flask_apps() -> tuple[Any, Any]:
    from flask import request

    from supertokens_guest.flask import GuestMiddleware
    from testkit.flask_app import make_app

    def view(action: Any) -> Callable[[], dict[str, Any]]:
        return lambda: action(request, request.get_json())

    plain, guarded = make_app(), make_app()
    for app in (plain, guarded):
        app.post("/app/awaited")(awaited)
        for name, action in VIEWS.items():
            app.post(f"/app/{name}", endpoint=name)(view(action))
    GuestMiddleware(guarded)
    return plain, guarded


def _django_apps() -> tuple[Any, Any]:
    import json

    from django.conf import settings
    from django.core.wsgi import get_wsgi_application
    from django.http import JsonResponse
    from django.urls import path

    from testkit import django_app

    def view(action: Any) -> Callable[[Any], Any]:
        return lambda request: JsonResponse(action(request, json.loads(request.body)))

    async def async_view(_: Any) -> Any:
        return JsonResponse(await awaited())

    django_app.urlpatterns += [
        path("app/awaited", async_view),
        *(path(f"app/{name}", view(action)) for name, action in VIEWS.items()),
    ]
    plain = django_app.make_wsgi_app()
    middleware = "supertokens_guest.django.GuestMiddleware"
    settings.MIDDLEWARE = [middleware, *settings.MIDDLEWARE]
    return plain, get_wsgi_application()


_is_flask = os.environ["SHOP_FRAMEWORK"] == "flask"
init_sdk(
    Setup(
        core=Core(url=os.environ[ADDRESS], api_key=os.environ.get(API_KEY)),
        framework="flask" if _is_flask else "django",
        asynchronous=False,
    )
)
if os.environ.get("SHOP_GUEST_AT_IMPORT"):
    # Before the apps are made, so that no thread of these is busy at the fork, which
    # uWSGI's workers would not survive.
    syncio.create_guest_jwt()
    asyncio.run(guests.create_guest_jwt())
_plain, _guarded = _flask_apps() if _is_flask else _django_apps()


def app(environ: dict[str, Any], start_response: Any) -> Any:
    """Serve a request, with the middleware if it asks for that."""
    wanted = f"HTTP_{GUARDED.upper().replace('-', '_')}" in environ
    return (_guarded if wanted else _plain)(environ, start_response)
