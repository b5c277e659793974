"""What users may import, name by name: a change here is a change of the promise."""

from __future__ import annotations

import inspect
from types import ModuleType

import pytest

import supertokens_guest
import supertokens_guest.asyncio
import supertokens_guest.fastapi
import supertokens_guest.syncio
from supertokens_guest import errors

VERBS = [
    "create_guest_jwt",
    "get_guest",
    "transfer_guest",
    "update_guest_jwt",
    "verify_guest_jwt",
]


def test_the_front_page_is_exactly_these_names() -> None:
    """The package's top holds the set-up, the values and the errors, sorted."""
    assert [
        "BadSignatureError",
        "ConfigError",
        "CoreUnavailableError",
        "ExpiredTokenError",
        "Guest",
        "GuestConfig",
        "GuestError",
        "GuestEvent",
        "GuestTransfer",
        "GuestVerifier",
        "KeysUnavailableError",
        "MalformedTokenError",
        "NotAGuestError",
        "NotYetValidTokenError",
        "PayloadError",
        "PayloadTooLargeError",
        "RevokedGuestError",
        "TokenError",
        "WrongAudienceError",
        "WrongIssuerError",
        "guest_override",
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
        (supertokens_guest.fastapi, ["clear_guest_cookie", "set_guest_cookie"]),
    ],
    ids=lambda value: value.__name__ if isinstance(value, ModuleType) else "",
)
def test_each_module_offers_exactly_its_verbs(
    module: ModuleType, names: list[str]
) -> None:
    """The twins share their names; a framework's module has its cookie's."""
    assert names == module.__all__


@pytest.mark.parametrize("verb", VERBS)
def test_the_twins_differ_only_in_waiting(verb: str) -> None:
    """Each verb takes the same arguments in both, the user context last."""
    coroutine = getattr(supertokens_guest.asyncio, verb)
    plain = getattr(supertokens_guest.syncio, verb)

    assert inspect.signature(coroutine) == inspect.signature(plain)
    assert list(inspect.signature(plain).parameters)[-1] == "user_context"
    assert inspect.iscoroutinefunction(coroutine)
    assert not inspect.iscoroutinefunction(plain)


@pytest.mark.parametrize("name", supertokens_guest.__all__)
def test_every_public_name_is_explained(name: str) -> None:
    """What a user can import says what it is where an editor shows it."""
    value = getattr(supertokens_guest, name)

    assert (value.__doc__ or "").strip()
