"""Apps under test, served for real: the same routes in every framework."""

from __future__ import annotations

import asyncio
import contextlib
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal

from supertokens_guest import GuestConfig
from testkit import django_app, fastapi_app, flask_app
from testkit.sdk import Setup, init_sdk, reset_sdk
from testkit.serving import serving_asgi, serving_wsgi

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from supertokens_guest import GuestEvent, GuestTransfer
    from testkit.core import Core

Kind = Literal["fastapi", "flask", "django", "django-asgi"]

KINDS: tuple[Kind, ...] = ("fastapi", "flask", "django", "django-asgi")
"""The frameworks, and the two ways to serve Django."""

Guests = Literal["none", "outside", "inside", "alone"]
"""Where ``GuestMiddleware`` is: nowhere, on either side of the SDK's, or without it."""


@dataclass
class Told:
    """What an app was told.

    Attributes:
        failures: How many of the next transfers its hook shall fail.
    """

    failures: int = 0
    transfers: list[GuestTransfer] = field(default_factory=list)
    events: list[GuestEvent] = field(default_factory=list)

    def config(self, **settings: Any) -> GuestConfig:
        """Return a configuration that has this told of transfers and events."""
        return GuestConfig(
            on_transfer=self.on_transfer, on_event=self.on_event, **settings
        )

    def on_transfer(self, transfer: GuestTransfer) -> None:
        """Remember a transfer."""
        if self.failures:
            self.failures -= 1
            raise OSError("the shop's database is down")
        self.transfers.append(transfer)

    def on_event(self, event: GuestEvent) -> None:
        """Remember an event."""
        self.events.append(event)

    def codes(self) -> list[tuple[str, str | None]]:
        """Return code and reason of each event."""
        return [(event.code, event.reason) for event in self.events]


@dataclass(frozen=True, kw_only=True)
class App:
    """An app that is being served.

    Attributes:
        url: Its address.
        prefix: What the paths of its own routes begin with.
        is_async: Whether its views should be coroutine functions.
        core: Its core.
        native: The framework's own object.
    """

    url: str
    prefix: str
    is_async: bool
    core: Core
    native: Any


@contextmanager
def running_app(
    setup: Setup,
    *,
    kind: Kind = "fastapi",
    guests: Guests = "none",
    add_routes: Callable[[Any], None] | None = None,
    initialise: Callable[[Setup], None] = init_sdk,
) -> Iterator[App]:
    """Initialise the SDK and serve an app; the SDK is forgotten afterwards.

    Args:
        setup: How to initialise it; the framework is that of *kind*.
        kind: Which app.
        guests: Where it has ``GuestMiddleware``.
        add_routes: Given the framework's own object before it is served.
        initialise: What calls the SDK's ``init``.
    """
    framework = "django" if kind == "django-asgi" else kind
    asynchronous = kind in ("fastapi", "django-asgi")
    reset_sdk()
    initialise(replace(setup, framework=framework, asynchronous=asynchronous))
    try:
        native: Any
        if kind == "fastapi":
            native = fastapi_app.make_app(guests)
        elif kind == "flask":
            native = flask_app.make_app(guests)
        elif kind == "django":
            native = django_app.make_wsgi_app(guests)
        else:
            native = django_app.make_asgi_app(guests)
        if add_routes is not None:
            add_routes(native)
        serving = serving_asgi if asynchronous else serving_wsgi
        with serving(closing_loops(native) if kind == "django" else native) as url:
            prefix = "/app-asyncio" if kind == "django-asgi" else "/app"
            yield App(
                url=url,
                prefix=prefix,
                is_async=asynchronous,
                core=setup.core,
                native=native,
            )
    finally:
        reset_sdk()


def closing_loops(app: Callable[..., Any]) -> Callable[..., Any]:
    """Close the event loop that the SDK's sync functions leave behind in a thread.

    In Django that is one for each request: ``async_to_sync`` forgets the thread's.
    """

    def call(environ: dict[str, Any], start_response: Callable[..., Any]) -> Any:
        try:
            return app(environ, start_response)
        finally:
            policy = asyncio.get_event_loop_policy()
            with contextlib.suppress(RuntimeError):
                policy.get_event_loop().close()
            policy.set_event_loop(None)

    return call
