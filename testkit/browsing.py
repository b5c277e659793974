"""A browser before an app with ``GuestMiddleware``, and the fixtures that open both."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, Protocol

import pytest

from supertokens_guest import GuestConfig
from supertokens_guest._runtime import Runtime
from testkit.apps import running_app
from testkit.scripts import HEADER, Script
from testkit.sdk import ISSUER, WEBSITE_DOMAIN, Setup
from testkit.visitors import Visitor

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    import httpx

    from testkit.apps import App, Guests, Kind
    from testkit.core import Core
    from testkit.scripts import Step


PATIENCE_SECONDS = 20.0


class Browser(Visitor):
    """Asks for the routes that do what the request says."""

    def __init__(self, app: App, *, auth_mode: str | None = None) -> None:
        """Open a new browser; without the SDK's header it is a page of the app's."""
        super().__init__(app, auth_mode=auth_mode)
        self._way = "async" if app.is_async else "sync"

    def ask(
        self,
        *steps: Step,
        route: str = "open",
        method: str = "GET",
        way: str | None = None,
        sent: Mapping[str, str] | None = None,
        cookie_headers: Sequence[bytes] = (),
        **script: Any,
    ) -> httpx.Response:
        """Have a view do *steps*.

        Args:
            *steps: What it calls.
            route: ``open``, or one of ``GUARDS``.
            method: Of the request.
            way: Whether the view is ``async`` or ``sync``; as is usual there.
            sent: Headers of the request.
            cookie_headers: As many ``Cookie`` headers, as they are.
            **script: The rest of the ``Script``.
        """
        pairs = {HEADER: str(Script(steps=steps, **script)), **(sent or {})}
        headers = [(name.encode(), value.encode()) for name, value in pairs.items()]
        headers += [(b"Cookie", value) for value in cookie_headers]
        path = f"/{way or self._way}/{route}"
        return self.http.request(method, path, headers=headers)

    def who(self) -> dict[str, Any] | None:
        """Return the guest as a view sees it; asking makes none."""
        # A HEAD would have no body, and a GET may make a guest.
        answer = self.ask(("get",), headers={"Cache-Control": "public"})
        seen: dict[str, Any] | None = answer.json()[0]
        return seen


def guest_lines(answer: httpx.Response, name: str = "jwt") -> list[str]:
    """Return what an answer says about the guest cookie."""
    # Django writes a space first, which servers strip.
    lines = [line.strip() for line in answer.headers.get_list("set-cookie")]
    return [line for line in lines if line.startswith(f"{name}=")]


def expired_session(core: Core) -> str:
    """Return an access token of a login that has ended, signed by *core*."""
    claims = {
        "iss": ISSUER,
        "sub": "user-1",
        "rsub": "user-1",
        "tId": "public",
        "sessionHandle": "ended",
        "refreshTokenHash1": "0",
        "parentRefreshTokenHash1": None,
        "antiCsrfToken": None,
        "iat": 1_500_000_000,
        "exp": 1_500_000_001,
    }
    return core.sign(claims, static=False)


class Open(Protocol):
    """What the fixture ``open_shop`` is."""

    def __call__(
        self,
        config: GuestConfig | None = None,
        *,
        kind: Kind,
        guests: Guests = "outside",
        core: Core | None = None,
        recipes: Sequence[Any] = (),
        session: dict[str, Any] | None = None,
        website_domain: str = WEBSITE_DOMAIN,
    ) -> App:
        """Serve an app with the middleware, instead of the one that is served now."""


class Browse(Protocol):
    """What the fixture ``browse`` is."""

    def __call__(self, app: App, *, auth_mode: str | None = None) -> Browser:
        """Open a new browser."""


@pytest.fixture
def open_shop(core: Core, monkeypatch: pytest.MonkeyPatch) -> Iterator[Open]:
    """Return a function that serves an app until the test ends, or the next one.

    A request waits longer for its guest than a busy machine takes. A test of the real
    limits takes that back, by ``monkeypatch.undo()``.
    """
    default_core = core
    monkeypatch.setattr(Runtime, "wait_seconds", PATIENCE_SECONDS)
    with ExitStack() as stack:

        def open_shop(
            config: GuestConfig | None = None,
            *,
            kind: Kind,
            guests: Guests = "outside",
            core: Core | None = None,
            **settings: Any,
        ) -> App:
            stack.close()
            setup = Setup(
                core=core or default_core, config=config or GuestConfig(), **settings
            )
            return stack.enter_context(running_app(setup, kind=kind, guests=guests))

        yield open_shop


@pytest.fixture
def browse() -> Iterator[Browse]:
    """Return a function that opens a browser, which closes when the test ends."""
    with ExitStack() as stack:

        def browse(app: App, *, auth_mode: str | None = None) -> Browser:
            browser = Browser(app, auth_mode=auth_mode)
            stack.enter_context(browser)
            return browser

        yield browse
