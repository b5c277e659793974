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
from django.http import HttpRequest, JsonResponse
from django.urls import path
from supertokens_python.recipe.session.framework.django import asyncio as guard_asyncio
from supertokens_python.recipe.session.framework.django import syncio as guard_syncio

from testkit.actions import ANYBODY, USERS

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from django.core.handlers.asgi import ASGIHandler
    from django.core.handlers.wsgi import WSGIHandler

_MIDDLEWARE = "supertokens_python.framework.django.django_middleware.middleware"


def make_wsgi_app() -> WSGIHandler:
    """Return the app with views that are plain functions."""
    _configure()
    return get_wsgi_application()


def make_asgi_app() -> ASGIHandler:
    """Return the app with views that are coroutine functions."""
    _configure()
    return get_asgi_application()


def _configure() -> None:
    """Make the settings, once."""
    if not settings.configured:
        settings.configure(
            ALLOWED_HOSTS=["*"],
            MIDDLEWARE=[_MIDDLEWARE],
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
]
