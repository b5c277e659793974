"""An app under test in Django, for WSGI and for ASGI; also its URL configuration.

Its settings are those of the process, made when they are first needed.
"""
# mypy: disable-error-code="import-untyped"
# Django has neither annotations nor stubs that a test should need.

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import django
from django.conf import settings
from django.core.asgi import get_asgi_application
from django.core.wsgi import get_wsgi_application
from django.http import HttpRequest, HttpResponse, JsonResponse, StreamingHttpResponse
from django.test.utils import override_settings
from django.urls import path
from supertokens_python.recipe.session.framework.django import asyncio as guard_asyncio
from supertokens_python.recipe.session.framework.django import syncio as guard_syncio

from supertokens_guest.django import verify_visitor
from testkit.actions import ANYBODY, USERS
from testkit.scripts import GUARDS, HEADER, Script, play, play_sync, shown

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterator

    from django.core.handlers.asgi import ASGIHandler
    from django.core.handlers.wsgi import WSGIHandler

    from testkit.apps import Guests

_SDKS = "supertokens_python.framework.django.django_middleware.middleware"
_OURS = "supertokens_guest.django.GuestMiddleware"

_MIDDLEWARE: dict[Guests, list[str]] = {
    "none": [_SDKS],
    "outside": [_OURS, _SDKS],  # the first one is outside
    "inside": [_SDKS, _OURS],
    "alone": [_OURS],
}


def make_wsgi_app(guests: Guests = "none") -> WSGIHandler:
    """Return the app with views that are plain functions."""
    _configure()
    with override_settings(MIDDLEWARE=_MIDDLEWARE[guests]):
        return get_wsgi_application()


def make_asgi_app(guests: Guests = "none") -> ASGIHandler:
    """Return the app with views that are coroutine functions."""
    _configure()
    with override_settings(MIDDLEWARE=_MIDDLEWARE[guests]):
        return get_asgi_application()


def _configure() -> None:
    """Make the settings, once."""
    if not settings.configured:
        settings.configure(
            ALLOWED_HOSTS=["*"],
            MIDDLEWARE=_MIDDLEWARE["none"],
            ROOT_URLCONF=__name__,
            SECRET_KEY="no secret",  # noqa: S106 - it protects nothing
            USE_TZ=True,
            LOGGING_CONFIG=None,
        )
        django.setup()


def _sync_view(action: Callable[[Any, dict[str, Any]], dict[str, Any]]) -> Any:
    def view(request: HttpRequest) -> JsonResponse:
        return JsonResponse(action(request, json.loads(request.body)))

    return view


def _async_view(
    action: Callable[[Any, dict[str, Any]], Awaitable[dict[str, Any]]],
) -> Any:
    async def view(request: HttpRequest) -> JsonResponse:
        return JsonResponse(await action(request, json.loads(request.body)))

    return view


def _sync_user_view(action: Callable[[Any, Any], dict[str, Any]]) -> Any:
    @guard_syncio.verify_session(override_global_claim_validators=lambda *_: [])
    def view(request: HttpRequest) -> JsonResponse:
        return JsonResponse(action(request, request.supertokens))

    return view


def _async_user_view(action: Callable[[Any, Any], Awaitable[dict[str, Any]]]) -> Any:
    @guard_asyncio.verify_session(override_global_claim_validators=lambda *_: [])
    async def view(request: HttpRequest) -> JsonResponse:
        return JsonResponse(await action(request, request.supertokens))

    return view


def _open(request: HttpRequest) -> HttpResponse:
    script = Script.of(request.headers.get(HEADER))
    return _answer(request, script, play_sync(request, script))


async def _open_async(request: HttpRequest) -> HttpResponse:
    script = Script.of(request.headers.get(HEADER))
    return _answer(request, script, await play(request, script))


def _guarded(request: HttpRequest) -> HttpResponse:
    script = Script.of(request.headers.get(HEADER))
    came = [shown(request.visitor), *play_sync(request, script)]
    return _answer(request, script, came)


async def _guarded_async(request: HttpRequest) -> HttpResponse:
    script = Script.of(request.headers.get(HEADER))
    came = [shown(request.visitor), *await play(request, script)]
    return _answer(request, script, came)


def _answer(request: HttpRequest, script: Script, came: list[Any]) -> HttpResponse:
    if script.later:
        is_async = hasattr(request, "scope")  # such a server iterates asynchronously
        stream = (_stream_async if is_async else _stream)(request, script, came)
        return StreamingHttpResponse(stream)
    response = JsonResponse(came, safe=False, status=script.status)
    return script.decorate(response, request)


def _stream(request: HttpRequest, script: Script, came: list[Any]) -> Iterator[str]:
    yield json.dumps(came) + "\n"
    yield json.dumps(play_sync(request, script, script.later))


async def _stream_async(
    request: HttpRequest, script: Script, came: list[Any]
) -> AsyncIterator[str]:
    yield json.dumps(came) + "\n"
    yield json.dumps(await play(request, script, script.later))


urlpatterns = [
    *(path(f"app/{name}", _sync_view(action)) for name, (_, action) in ANYBODY.items()),
    *(path(f"app/{name}", _sync_user_view(user)) for name, (_, user) in USERS.items()),
    *(
        path(f"app-asyncio/{name}", _async_view(action))
        for name, (action, _) in ANYBODY.items()
    ),
    *(
        path(f"app-asyncio/{name}", _async_user_view(user))
        for name, (user, _) in USERS.items()
    ),
    path("sync/open", _open),
    path("async/open", _open_async),
    *(
        path(f"{way}/{name}", verify_visitor(**options)(view))
        for name, options in GUARDS.items()
        for way, view in (("sync", _guarded), ("async", _guarded_async))
    ),
]
