"""A Django app with a database of its own, for WSGI and for ASGI.

Its login inserts a profile, its hook keeps carts; ``/app/report`` tells what they saw.
The environment names the file of the database.
"""

# ruff: noqa: DJ008 - nobody prints these models
# mypy: disable-error-code="import-untyped,misc"
# Django has neither annotations nor stubs that a test should need.

from __future__ import annotations

import json
import os
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import django
from django.conf import settings
from django.core.asgi import get_asgi_application
from django.core.wsgi import get_wsgi_application
from django.db import connection, models, transaction
from django.http import JsonResponse
from django.urls import path
from supertokens_python.recipe.session.syncio import create_new_session
from supertokens_python.types import RecipeUserId

from supertokens_guest import GuestConfig
from testkit.core import ADDRESS, API_KEY, Core
from testkit.sdk import Setup, init_sdk

if TYPE_CHECKING:
    from collections.abc import Callable

    from supertokens_guest import GuestEvent, GuestTransfer

_FILE = os.environ["PROFILES_FILE"]
_events: list[tuple[str, str | None]] = []
_hooks: list[dict[str, Any]] = []

settings.configure(
    ALLOWED_HOSTS=["*"],
    DATABASES={
        "default": {
            "ENGINE": "django.db.backends.sqlite3",
            "NAME": _FILE,
            "ATOMIC_REQUESTS": True,
            "OPTIONS": {"timeout": 0.5},  # then "database is locked"
        }
    },
    MIDDLEWARE=[
        f"{__name__}.mark_place",
        "supertokens_guest.django.GuestMiddleware",
        "supertokens_python.framework.django.django_middleware.middleware",
    ],
    ROOT_URLCONF=__name__,
    SECRET_KEY="no secret",  # noqa: S106 - it protects nothing
    USE_TZ=True,
    LOGGING_CONFIG=None,
)
django.setup()


class Profile(models.Model):
    """What a login inserts."""

    user_id = models.TextField(primary_key=True)

    class Meta:
        """Belongs to no app."""

        app_label = "profiles"


class Cart(models.Model):
    """What the hook keeps of a guest."""

    guest_id = models.TextField(primary_key=True)
    user_id = models.TextField()

    class Meta:
        """Belongs to no app."""

        app_label = "profiles"


def _place() -> tuple[int, int]:
    """Name this thread and its connection."""
    return threading.get_ident(), id(connection.connection)


def mark_place(get_response: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Connect to the database, and note where that was, as a middleware."""

    def serve(request: Any) -> Any:
        connection.ensure_connection()
        request.place = _place()
        return get_response(request)

    return serve


def _save_cart(transfer: GuestTransfer) -> None:
    with transaction.atomic():
        Cart.objects.get_or_create(
            guest_id=transfer.guest.id, defaults={"user_id": transfer.user_id}
        )
    _hooks.append(
        {
            "same_place": transfer.request.request.place == _place(),  # type: ignore[union-attr]  # the SDK's DjangoRequest
            "profile": Profile.objects.filter(user_id=transfer.user_id).exists(),
        }
    )


def _login(request: Any) -> JsonResponse:
    body = json.loads(request.body)
    Profile.objects.create(user_id=body["user"])
    create_new_session(request, "public", RecipeUserId(body["user"]))
    if body.get("fails"):
        raise RuntimeError("after the login")
    return JsonResponse({"user": body["user"]})


def _report(_: Any) -> JsonResponse:
    """Tell what was seen, and how often the database's file is open now."""
    connection.close()  # this request's own
    descriptors = [
        _target(descriptor) for descriptor in Path("/proc/self/fd").iterdir()
    ]
    return JsonResponse(
        {
            "hooks": _hooks,
            "events": _events,
            "open": descriptors.count(str(Path(_FILE).resolve())),
        }
    )


def _target(descriptor: Path) -> str:
    try:
        return str(descriptor.readlink())
    except OSError:
        return ""  # that of the listing itself


def _on_event(event: GuestEvent) -> None:
    if event.code.startswith("transfer"):
        _events.append((event.code, event.reason))


urlpatterns = [path("app/login", _login), path("app/report", _report)]


def _make_tables() -> None:
    with connection.schema_editor() as schema:
        schema.create_model(Profile)
        schema.create_model(Cart)
    connection.close()


# An ASGI server may load this on its event loop, where Django refuses a connection.
with ThreadPoolExecutor(1) as pool:
    pool.submit(_make_tables).result()
init_sdk(
    Setup(
        core=Core(url=os.environ[ADDRESS], api_key=os.environ.get(API_KEY)),
        framework="django",
        asynchronous=bool(os.environ.get("PROFILES_ASGI")),
        config=GuestConfig(on_transfer=_save_cart, on_event=_on_event),
    )
)
app = get_wsgi_application()
asgi_app = get_asgi_application()
