"""What belongs to one initialised SDK, and what is said before there is one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from supertokens_guest import ConfigError, GuestConfig, guest_override
from supertokens_guest._runtime import current
from testkit.core import Core
from testkit.sdk import ISSUER, Setup, init_sdk, reset_sdk

if TYPE_CHECKING:
    from collections.abc import Iterator

# Nothing here asks a core anything.
NOWHERE = Core(url="http://127.0.0.1:9")


@pytest.fixture(autouse=True)
def _clean_sdk() -> Iterator[None]:
    """Begin and end without an initialised SDK."""
    reset_sdk()
    yield
    reset_sdk()


def test_before_init_the_error_says_what_to_call() -> None:
    """Nobody reads a traceback of the SDK's instead."""
    with pytest.raises(ConfigError, match="SuperTokens is not initialised"):
        current()


def test_without_the_override_the_error_says_what_to_pass() -> None:
    """The SDK is there, guests are not."""
    init_sdk(Setup(core=NOWHERE, functions=lambda original: original))

    with pytest.raises(ConfigError, match="Guests are not set up"):
        current()


def test_the_configuration_is_found_where_it_was_given() -> None:
    """And the issuer is the app's."""
    config = GuestConfig(cookie_name="guest")
    init_sdk(Setup(core=NOWHERE, config=config))

    assert config is current().config
    assert ISSUER == current().issuer


def test_a_reset_sdk_starts_afresh() -> None:
    """The runtime of an earlier init is not found by a later one."""
    init_sdk(Setup(core=NOWHERE, config=GuestConfig(cookie_name="old")))
    old = current()
    reset_sdk()
    init_sdk(Setup(core=NOWHERE, functions=lambda original: original))
    with pytest.raises(ConfigError):
        current()
    reset_sdk()
    init_sdk(Setup(core=NOWHERE, config=GuestConfig(cookie_name="new")))

    assert "new" == current().config.cookie_name
    assert old is not current()


def test_an_implementation_of_the_apps_own_may_hide_the_configuration() -> None:
    """Ours outside of an app's wrapper that passes only the methods on."""

    class Wrapper:
        def __init__(self, original: Any) -> None:
            self._original = original

        def __getattr__(self, name: str) -> Any:
            if name == "config":
                raise AttributeError(name)
            return getattr(self._original, name)

    init_sdk(
        Setup(core=NOWHERE, functions=lambda o: guest_override()(Wrapper(o)))  # type: ignore[arg-type]  # a duck of the SDK's type
    )

    assert "jwt" == current().config.cookie_name


@pytest.mark.parametrize(
    "twice",
    [
        lambda original: guest_override()(guest_override(GuestConfig())(original)),
        lambda original: guest_override(GuestConfig(namespace=None))(
            guest_override()(original)
        ),
    ],
)
def test_two_around_each_other_are_refused(twice: Any) -> None:
    """One would win, and nobody could see which."""
    with pytest.raises(ConfigError, match="around each other"):
        init_sdk(Setup(core=NOWHERE, functions=twice))


def test_guest_override_takes_a_config_and_nothing_else() -> None:
    """``functions=guest_override`` without the call is a common slip."""
    with pytest.raises(ConfigError, match=r"functions=guest_override\(\)"):
        guest_override(object())  # type: ignore[arg-type]  # the slip


def test_keys_that_cannot_be_read_are_told_at_once() -> None:
    """Not at the first login."""
    config = GuestConfig(public_keys={"s-1": "not a key"})
    with pytest.raises(ConfigError, match="s-1"):
        guest_override(config)
