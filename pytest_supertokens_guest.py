"""Fixtures for tests of apps with guests; pytest finds them by itself.

pytest loads this module in each run wherever supertokens-guest is installed, so it
stands beside the package and imports pytest alone: the package, and with it the SDK,
is loaded by the first test that asks for a dev core.
"""

from __future__ import annotations

import functools
import sys
import time
import uuid
from typing import TYPE_CHECKING, Any, Protocol

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from types import ModuleType

    from supertokens_guest.devcore import DevCore

_SDK = "supertokens_python"
_DAY_SECONDS = 24 * 3600


class MakeGuest(Protocol):
    """What the fixture ``make_guest`` is."""

    def __call__(
        self,
        payload: Mapping[str, Any] | None = None,
        guest_id: str | None = None,
        *,
        issuer: str | None = None,
        lifetime_seconds: int = 30 * _DAY_SECONDS,
    ) -> str:
        """Return a guest JWT, signed by the dev core without a request.

        Args:
            payload: The app's claims; they replace registered ones of the same name,
                for tests of bad tokens.
            guest_id: By default a new ``G-<uuid4>``.
            issuer: API domain and base path; by default those of the SDK's ``init``.
            lifetime_seconds: Until it expires; a negative number for an expired guest.
        """


@pytest.fixture(scope="session")
def dev_core_server() -> Iterator[DevCore]:
    """Run one dev core for all tests; ask for `dev_core`, which empties it first."""
    try:
        from supertokens_guest.devcore import DevCore
    except ModuleNotFoundError as error:
        pytest.fail(str(error), pytrace=False)
    with DevCore() as core:
        yield core


@pytest.fixture
def dev_core(dev_core_server: DevCore) -> DevCore:
    """Return a dev core that listens and is empty: no users, sessions and faults."""
    dev_core_server.start()
    dev_core_server.reset()
    return dev_core_server


@pytest.fixture
def supertokens_reset(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Have the SDK as if it was never initialised, before and after the test.

    Without it a second ``init`` is ignored. Sets ``SUPERTOKENS_ENV=testing`` while the
    test runs, which the SDK asks for, and which keeps its telemetry and e-mails off.
    """
    monkeypatch.setenv("SUPERTOKENS_ENV", "testing")
    reset_sdk()
    yield
    reset_sdk()


@pytest.fixture
def make_guest(dev_core: DevCore) -> MakeGuest:
    """Return a function that makes valid guest JWTs without the SDK."""

    def make_guest(
        payload: Mapping[str, Any] | None = None,
        guest_id: str | None = None,
        *,
        issuer: str | None = None,
        lifetime_seconds: int = 30 * _DAY_SECONDS,
    ) -> str:
        now = int(time.time())
        # An expired guest was valid once.
        issued_at = min(now, now + lifetime_seconds - 1)
        return dev_core.sign_jwt(
            {
                "iss": issuer or _initialised_issuer(),
                "iat": issued_at,
                "exp": now + lifetime_seconds,
                "sub": guest_id or f"G-{uuid.uuid4()}",
                "aud": "supertokens-guest",
                **(payload or {}),
            }
        )

    return make_guest


def _initialised_issuer() -> str:
    """Return the issuer that the SDK was initialised with.

    Raises:
        pytest.fail.Exception: It was not.
    """
    module = sys.modules.get(f"{_SDK}.supertokens")
    instance = getattr(module, "Supertokens", None)
    try:
        app_info = instance and instance.get_instance().app_info
    except Exception:  # noqa: BLE001 -- the SDK raises nothing more special
        app_info = None
    if app_info is None:
        pytest.fail("call SuperTokens' init() first, or make_guest(…, issuer=…)")
    return str(
        app_info.api_domain.get_as_string_dangerous()
        + app_info.api_base_path.get_as_string_dangerous()
    )


def reset_sdk() -> None:
    """Reset each singleton of the SDK that has been loaded.

    The SDK allows it only while ``SUPERTOKENS_ENV`` is ``testing``; the fixture
    `supertokens_reset` sees to that.
    """
    for name in [name for name in sys.modules if name.startswith(f"{_SDK}.")]:
        if _holds_singleton(name):
            for item in _classes(sys.modules[name]):
                _reset(item)


@functools.cache  # a run resets often, and a module goes on defining the same classes
def _classes(module: ModuleType) -> list[type[Any]]:
    return [
        item
        for item in vars(module).values()
        if isinstance(item, type) and item.__module__ == module.__name__
    ]


@functools.cache
def _holds_singleton(name: str) -> bool:
    parts = name.split(".")[1:]
    if parts[0] == "recipe":
        return parts[-1] == "recipe"
    return parts in (["supertokens"], ["post_init_callbacks"], ["process_state"])


def _reset(singleton: type[Any]) -> None:
    if singleton.__name__ == "ProcessState":
        singleton.get_instance().reset()
    elif callable(getattr(singleton, "reset", None)):
        singleton.reset()
