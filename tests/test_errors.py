"""What the errors carry."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from typing import Any

import pytest

from supertokens_guest import errors


@pytest.mark.parametrize(
    "error",
    [
        errors.GuestError("what happened"),
        errors.ConfigError("one fault.", "another."),
        errors.PayloadError("['cart']", "it is a set"),
        errors.PayloadTooLargeError("", "it is too large"),
        errors.TokenError("expired", "It has expired."),
        errors.GuestRefusedError("session", "The visitor is logged in."),
        errors.KeysUnavailableError("no keys"),
        errors.CoreUnavailableError("no core"),
    ],
    ids=lambda error: type(error).__name__,
)
@pytest.mark.parametrize(
    "copied", [copy.copy, copy.deepcopy, lambda one: pickle.loads(pickle.dumps(one))]
)
def test_an_error_can_be_copied(
    error: errors.GuestError, copied: Callable[[Any], Any]
) -> None:
    """Into a queue or another process, with all that it says."""
    twin = copied(error)

    assert type(error) is type(twin)
    assert (str(error), error.args) == (str(twin), twin.args)
    assert (error.code, vars(error)) == (twin.code, vars(twin))
