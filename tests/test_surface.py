"""What users may import, name by name: a change here is a change of the promise."""

from __future__ import annotations

import inspect
from types import ModuleType
from typing import Any

import pytest

import supertokens_guest
import supertokens_guest.asyncio
import supertokens_guest.django
import supertokens_guest.fastapi
import supertokens_guest.flask
import supertokens_guest.syncio
from supertokens_guest import GuestConfig, GuestTransfer, GuestVerifier, Visitor, errors

VERBS = [
    "clear_guest",
    "create_guest_jwt",
    "get_guest",
    "get_guest_data",
    "get_visitor",
    "merge_into_guest_payload",
    "transfer_guest",
    "update_guest_jwt",
    "verify_guest_jwt",
]
FRAMEWORK = ["GuestMiddleware", "verify_visitor"]


def test_the_front_page_is_exactly_these_names() -> None:
    """The package's top holds the set-up, the values and the errors, sorted."""
    assert [
        "ConfigError",
        "CoreUnavailableError",
        "Guest",
        "GuestConfig",
        "GuestError",
        "GuestEvent",
        "GuestRefusedError",
        "GuestTransfer",
        "GuestVerifier",
        "KeysUnavailableError",
        "PayloadError",
        "PayloadTooLargeError",
        "TokenError",
        "Visitor",
        "clear_guest_cookie",
        "guest_override",
        "guest_plugin",
        "set_guest_cookie",
        "without_guest_transfer",
    ] == supertokens_guest.__all__


def test_the_whole_error_tree_is_at_the_top() -> None:
    """Whatever the package raises on purpose can be caught by a name from its top."""
    tree = {
        name
        for name, value in vars(errors).items()
        if inspect.isclass(value) and issubclass(value, errors.GuestError)
    }

    assert tree == {n for n in supertokens_guest.__all__ if n.endswith("Error")}


@pytest.mark.parametrize(
    ("module", "names"),
    [
        (supertokens_guest.asyncio, VERBS),
        (supertokens_guest.syncio, VERBS),
        (supertokens_guest.fastapi, ["CurrentVisitor", *FRAMEWORK]),
        (supertokens_guest.flask, FRAMEWORK),
        (supertokens_guest.django, FRAMEWORK),
    ],
    ids=lambda value: value.__name__ if isinstance(value, ModuleType) else "",
)
def test_each_module_offers_exactly_its_verbs(
    module: ModuleType, names: list[str]
) -> None:
    """The twins share their names, and so do the frameworks."""
    assert names == module.__all__


@pytest.mark.parametrize("verb", VERBS)
def test_the_twins_differ_only_in_waiting(verb: str) -> None:
    """Each verb takes the same arguments in both, the user context last."""
    coroutine = getattr(supertokens_guest.asyncio, verb)
    plain = getattr(supertokens_guest.syncio, verb)

    assert inspect.signature(coroutine) == inspect.signature(plain)
    *_, last = inspect.signature(plain).parameters.values()
    assert ("user_context", None) == (last.name, last.default)
    assert inspect.iscoroutinefunction(coroutine)
    assert not inspect.iscoroutinefunction(plain)


@pytest.mark.parametrize(
    "framework",
    [supertokens_guest.fastapi, supertokens_guest.flask, supertokens_guest.django],
    ids=lambda module: module.__name__,
)
def test_the_guard_is_the_same_in_each_framework(framework: ModuleType) -> None:
    """It takes what the SDK's takes, by name; the same arguments give the same one."""
    guard = framework.verify_visitor
    parameters = inspect.signature(guard).parameters.values()

    assert [
        ("check_database", False),
        ("override_global_claim_validators", None),
    ] == [(parameter.name, parameter.default) for parameter in parameters]
    assert {inspect.Parameter.KEYWORD_ONLY} == {one.kind for one in parameters}
    assert guard(check_database=True) is guard(check_database=True)
    assert guard() is guard(check_database=False)
    assert guard() is not guard(check_database=True)


@pytest.mark.parametrize(
    ("function", "parameters"),
    [
        (supertokens_guest.set_guest_cookie, ["response", "token", "request"]),
        (supertokens_guest.clear_guest_cookie, ["response", "request"]),
        (supertokens_guest.guest_override, ["config"]),
        (supertokens_guest.guest_plugin, ["config"]),
        (supertokens_guest.without_guest_transfer, ["user_context"]),
        (GuestVerifier, ["issuer", "jwks_url", "public_keys", "wait_seconds"]),
        (
            GuestConfig,
            [
                *("cookie_name", "lifetime_seconds", "issue", "transfer", "namespace"),
                *("transfer_to", "on_transfer", "reject_issued_before"),
                *("public_keys", "on_event"),
            ],
        ),
        (
            GuestTransfer,
            [
                *("guest", "session", "user_id", "recipe_user_id", "tenant_id"),
                *("request", "user_context", "moved", "in_database", "dropped"),
            ],
        ),
        (Visitor, ["id", "guest", "session"]),
        (supertokens_guest.Guest, ["id", "payload", "issued_at", "expires_at"]),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_each_name_takes_exactly_these(function: Any, parameters: list[str]) -> None:
    """What a caller can write is a promise, too."""
    assert parameters == list(inspect.signature(function).parameters)


@pytest.mark.parametrize("name", supertokens_guest.__all__)
def test_every_public_name_is_explained(name: str) -> None:
    """What a user can import says what it is where an editor shows it."""
    value = getattr(supertokens_guest, name)

    assert (value.__doc__ or "").strip()
