"""The values that an app meets."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from datetime import datetime, timezone
from typing import Any, cast

import pytest
from supertokens_python.framework.request import BaseRequest

from supertokens_guest import Guest, GuestTransfer

ISSUED_AT = datetime(2026, 1, 1, tzinfo=timezone.utc)
EXPIRES_AT = datetime(2036, 1, 1, tzinfo=timezone.utc)


def guest(payload: dict[str, Any] | None = None, guest_id: str = "G-1") -> Guest:
    """Return a guest."""
    return Guest(guest_id, payload or {}, ISSUED_AT, EXPIRES_AT)


def test_a_guest_has_what_it_was_given() -> None:
    """Four things, in this order."""
    one = guest({"cart": [1]})

    assert ("G-1", {"cart": [1]}) == (one.id, one.payload)
    assert (ISSUED_AT, EXPIRES_AT) == (one.issued_at, one.expires_at)


@pytest.mark.parametrize("name", ["id", "payload", "issued_at", "expires_at", "x"])
def test_a_guest_is_frozen(name: str) -> None:
    """Nothing can be set on it."""
    with pytest.raises(AttributeError):
        setattr(guest(), name, "x")


@pytest.mark.parametrize(
    "copied", [copy.copy, copy.deepcopy, lambda one: pickle.loads(pickle.dumps(one))]
)
def test_a_guest_can_be_copied(copied: Callable[[Guest], Guest]) -> None:
    """Into a queue, a cache or another process."""
    one = guest({"cart": [1]})

    assert one == copied(one)
    assert {"cart": [1]} == copied(one).payload


def test_guests_are_compared_by_what_they_hold() -> None:
    """Same token, same guest; another payload, another value."""
    assert guest({"a": 1}) == guest({"a": 1})
    assert guest({"a": 1}) != guest({"a": 2})
    assert guest() != guest(guest_id="G-2")
    assert guest() != cast("object", "G-1")
    assert 1 == len({guest({"a": 1}), guest({"a": 1})})


def test_s10_no_payload_is_shown() -> None:
    """Representations end up in logs."""
    one = guest({"cart": "secret"})
    transfer = GuestTransfer(
        guest=one,
        session=None,
        user_id="u",
        recipe_user_id="u",
        tenant_id="public",
        request=cast("BaseRequest", None),
        user_context={"token": "secret"},
        moved={"cart": "secret"},
        dropped={"aud": "reserved"},
    )

    assert repr(one).startswith("Guest(id='G-1', issued_at=datetime.datetime(2026, 1")
    assert "secret" not in repr(one) + repr(transfer)
    assert f"GuestTransfer(guest={one!r}, session=None, user_id='u'" in repr(transfer)
    assert "in_database=False, dropped={'aud': 'reserved'})" in repr(transfer)
