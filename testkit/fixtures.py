"""Fixtures for tests through the real SDK and real HTTP.

They load frameworks when they are asked for: most tests need none.
"""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, Protocol

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from supertokens_guest import GuestConfig
    from testkit.apps import App, Kind, Told
    from testkit.core import Core
    from testkit.proxy import FaultyCore
    from testkit.visitors import Visitor


class Serve(Protocol):
    """What the fixture ``serve`` is."""

    def __call__(
        self,
        config: GuestConfig | None = None,
        *,
        kind: Kind = "fastapi",
        functions: Callable[[Any], Any] | None = None,
        recipes: Sequence[Any] = (),
        session: dict[str, Any] | None = None,
        website_domain: str | None = None,
        add_routes: Callable[[Any], None] | None = None,
        core: Core | None = None,
        network_interceptor: Callable[..., Any] | None = None,
    ) -> App:
        """Serve an app, instead of the one that is served now."""


class Visit(Protocol):
    """What the fixture ``visit`` is."""

    def __call__(
        self, app: App, *, auth_mode: str | None = "cookie", url: str | None = None
    ) -> Visitor:
        """Open a new browser."""


@pytest.fixture(scope="session")
def core() -> Iterator[Core]:
    """Yield the core of ``SUPERTOKENS_CONNECTION_URI``, or a dev core.

    A core that is named and does not answer fails the tests; it never skips them.
    """
    from testkit.core import NoCoreError, running_core

    with ExitStack() as stack:
        try:
            found = stack.enter_context(running_core())
        except NoCoreError as error:
            pytest.fail(str(error), pytrace=False)
        yield found


@pytest.fixture
def faulty(core: Core) -> Iterator[FaultyCore]:
    """Yield the core behind a proxy that has it misbehave."""
    from testkit.proxy import FaultyCore

    with FaultyCore(core) as faulty:
        yield faulty


@pytest.fixture
def told() -> Told:
    """Return a place for what an app is told."""
    from testkit.apps import Told

    return Told()


@pytest.fixture
def serve(core: Core) -> Iterator[Serve]:
    """Return a function that serves an app until the test ends, or the next one."""
    from supertokens_guest import GuestConfig
    from testkit.apps import running_app
    from testkit.sdk import WEBSITE_DOMAIN, Setup

    default_core = core
    with ExitStack() as stack:

        def serve(
            config: GuestConfig | None = None,
            *,
            kind: Kind = "fastapi",
            functions: Callable[[Any], Any] | None = None,
            recipes: Sequence[Any] = (),
            session: dict[str, Any] | None = None,
            website_domain: str | None = None,
            add_routes: Callable[[Any], None] | None = None,
            core: Core | None = None,
            network_interceptor: Callable[..., Any] | None = None,
        ) -> App:
            stack.close()
            setup = Setup(
                core=core or default_core,
                config=config or GuestConfig(),
                functions=functions,
                recipes=recipes,
                session=session or {},
                website_domain=website_domain or WEBSITE_DOMAIN,
                network_interceptor=network_interceptor,
            )
            running = running_app(setup, kind=kind, add_routes=add_routes)
            return stack.enter_context(running)

        yield serve


@pytest.fixture
def visit() -> Iterator[Visit]:
    """Return a function that opens a browser, which closes when the test ends."""
    from testkit.visitors import Visitor

    with ExitStack() as stack:

        def visit(
            app: App, *, auth_mode: str | None = "cookie", url: str | None = None
        ) -> Visitor:
            return stack.enter_context(Visitor(app, auth_mode=auth_mode, url=url))

        yield visit
