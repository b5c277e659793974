"""Settings: the defaults, and every fault told at once."""

from __future__ import annotations

import dataclasses
from collections.abc import AsyncIterator, Iterator
from datetime import datetime, timezone
from typing import Any

import pytest

from supertokens_guest import ConfigError, GuestConfig


async def coroutine(value: object) -> None:
    """Do nothing."""


def generator(value: object) -> Iterator[None]:
    """Do nothing, and not even that."""
    yield


async def async_generator(value: object) -> AsyncIterator[None]:
    """Do nothing, and not even that."""
    yield


def test_the_defaults_are_valid_and_as_documented() -> None:
    """The documentation's cookie, ten years and a guest for each visitor."""
    assert {
        "cookie_name": "jwt",
        "lifetime_seconds": 315_360_000,
        "issue": "eager",
        "transfer": "all",
        "namespace": "guest",
        "transfer_to": "access_token_payload",
        "on_transfer": None,
        "reject_issued_before": None,
        "public_keys": None,
        "on_event": None,
    } == dataclasses.asdict(GuestConfig())


def test_it_cannot_be_changed() -> None:
    """A variant is made with dataclasses.replace, which checks again."""
    config = GuestConfig()
    with pytest.raises(dataclasses.FrozenInstanceError):
        config.cookie_name = "x"  # type: ignore[misc]  # what is tested

    with pytest.raises(ConfigError):
        dataclasses.replace(config, cookie_name="a b")


@pytest.mark.parametrize(
    ("settings", "fault"),
    [
        ({"cookie_name": ""}, "cookie_name '' is not a cookie name (RFC 6265, 4.1.1)."),
        ({"cookie_name": "a;b"}, "cookie_name 'a;b' is not a cookie name"),
        ({"cookie_name": None}, "cookie_name None is not a cookie name"),
        ({"cookie_name": "sAccessToken"}, "means something to SuperTokens"),
        ({"cookie_name": "st-access-token"}, "means something to SuperTokens"),
        ({"cookie_name": "sg-guest"}, "means something to SuperTokens"),
        ({"cookie_name": "Path"}, "means something to SuperTokens or to Python."),
        ({"cookie_name": "x" * 65}, "is not a cookie name"),
        ({"namespace": "x" * 65}, "namespace must be 1 to 64 printable characters"),
        ({"namespace": "\ud800"}, "namespace must be 1 to 64 printable"),
        ({"transfer": coroutine}, "transfer must not be a coroutine function"),
        ({"on_event": coroutine}, "on_event must not be a coroutine function"),
        ({"on_transfer": generator}, "on_transfer is a generator"),
        ({"on_transfer": async_generator}, "on_transfer is a generator"),
        ({"lifetime_seconds": 59}, "lifetime_seconds must be from 60 to 315,360,000"),
        ({"lifetime_seconds": 315_360_001}, "not 315,360,001."),
        ({"lifetime_seconds": 3600.0}, "must be a whole number, not 3600.0."),
        ({"lifetime_seconds": True}, "must be a whole number, not True."),
        ({"issue": "never"}, 'issue must be "eager", "lazy" or a function'),
        ({"issue": coroutine}, "issue must not be a coroutine function"),
        ({"transfer": "cart"}, 'transfer must be "all", a collection of names'),
        ({"transfer": {"cart": 1}}, 'transfer must be "all", a collection of names'),
        ({"transfer": 5}, 'transfer must be "all", a collection of names'),
        ({"transfer": ["cart", 5]}, "transfer holds 5, which is not a name."),
        ({"transfer": ["st-role"]}, "transfer names 'st-role', which is reserved"),
        ({"namespace": ""}, "namespace must be 1 to 64 printable characters"),
        ({"namespace": 5}, "namespace must be 1 to 64 printable characters"),
        ({"namespace": "sub"}, "namespace 'sub' is reserved"),
        ({"namespace": "st-x"}, "namespace 'st-x' is reserved"),
        ({"namespace": "sg-x"}, "namespace 'sg-x' is reserved"),
        ({"transfer_to": "cookie"}, "transfer_to must be"),
        ({"on_transfer": 5}, "on_transfer must be a function or None, not 5."),
        ({"on_event": 5}, "on_event must be a function or None, not 5."),
        ({"reject_issued_before": 5}, "must be an aware datetime, not 5."),
        (
            {"reject_issued_before": datetime(2026, 1, 1)},  # noqa: DTZ001 - the fault
            "must be an aware datetime",
        ),
        ({"public_keys": {}}, "public_keys must map at least one key id"),
        ({"public_keys": ["s-1"]}, "public_keys must map at least one key id"),
    ],
)
def test_a_setting_that_cannot_work_is_refused(
    settings: dict[str, Any], fault: str
) -> None:
    """The error names the setting and what it must be."""
    with pytest.raises(ConfigError) as caught:
        GuestConfig(**settings)

    assert 1 == len(caught.value.faults)
    assert fault in str(caught.value)


def test_all_faults_come_together() -> None:
    """Nobody has to start an app five times to find five faults."""
    with pytest.raises(ConfigError) as caught:
        GuestConfig(cookie_name="", lifetime_seconds=1, namespace="aud")

    assert 3 == len(caught.value.faults)
    assert "config" == caught.value.code


@pytest.mark.parametrize(
    "settings",
    [
        {"cookie_name": "__Host-guest"},
        {"transfer": ()},
        {"transfer": frozenset({"cart"})},
        {"transfer": lambda transfer: transfer.guest.payload},
        {"namespace": None},
        {"transfer_to": "session_data_in_database"},
        {"reject_issued_before": datetime(2026, 1, 1, tzinfo=timezone.utc)},
        {"lifetime_seconds": 60},
        {"issue": "lazy"},
        {"issue": lambda request: request.get_cookie("consent") == "yes"},
        {"on_transfer": coroutine},
    ],
)
def test_what_can_work_is_accepted(settings: dict[str, Any]) -> None:
    """Each of the documented forms of a setting."""
    config = GuestConfig(**settings)

    assert settings == {name: getattr(config, name) for name in settings}
