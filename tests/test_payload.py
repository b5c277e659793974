"""What a payload may hold, and what every other one is told."""

from __future__ import annotations

import json
import uuid
from collections import OrderedDict
from datetime import date, datetime, timezone
from http import HTTPStatus
from types import MappingProxyType
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from supertokens_python.recipe.session.constants import protected_props

from supertokens_guest._tokens.payload import (
    MAX_DEPTH,
    MAX_PAYLOAD_BYTES,
    RESERVED,
    checked_payload,
    is_reserved,
    plain_copy,
)
from supertokens_guest.errors import PayloadError, PayloadTooLargeError

UTC = timezone.utc

plain_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(min_value=-(2**63), max_value=2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner) | st.dictionaries(st.text("abc"), inner),
    max_leaves=8,
)


def encoded(value: object) -> str:
    """Return *value* as the SDK writes it: compact, what is not ASCII escaped."""
    return json.dumps(value, separators=(",", ":"))


def nested(levels: int) -> dict[str, Any]:
    """Return a payload that is so many levels deep."""
    payload: dict[str, Any] = {}
    for _ in range(levels - 1):
        payload = {"a": payload}
    return payload


def containing_itself() -> dict[str, Any]:
    """Return a payload with a cycle."""
    cart: list[Any] = []
    cart.append(cart)
    return {"cart": cart}


@given(st.dictionaries(st.text("xyz"), plain_values))
@settings(max_examples=100, deadline=None)
def test_a_payload_comes_back_as_it_went_in(payload: dict[str, Any]) -> None:
    """What is accepted survives JSON, and the copy is equal to the original."""
    checked = plain_copy(payload)

    assert payload == checked
    assert payload == json.loads(encoded(checked))


def test_the_copy_shares_nothing() -> None:
    """Changing the payload afterwards changes nothing that was checked."""
    payload = {"cart": [{"sku": 1}]}
    checked = checked_payload(payload)
    payload["cart"][0]["sku"] = 2

    assert {"cart": [{"sku": 1}]} == checked


def test_any_mapping_is_a_payload() -> None:
    """A read-only mapping at the top is as good as a dict."""
    assert {"a": 1} == checked_payload(MappingProxyType({"a": 1}))


@pytest.mark.parametrize(
    ("payload", "path", "reason"),
    [
        (None, "", "is not a mapping"),
        ([("a", 1)], "", "is not a mapping"),
        ({1: "a"}, "", "has a name that is a int"),
        ({"a": {None: 1}}, "['a']", "has a name that is a NoneType"),
        ({"a": float("nan")}, "['a']", "is not a finite number"),
        ({"a": [0, float("inf")]}, "['a'][1]", "is not a finite number"),
        ({"a": 2**63}, "['a']", "is an integer outside 64 bits"),
        ({"a": -(2**63) - 1}, "['a']", "is an integer outside 64 bits"),
        ({"a": "\ud800"}, "['a']", "holds a lone surrogate"),
        ({"\udfff": 1}, "", "holds a lone surrogate"),
        ({"a": {1, 2}}, "['a']", "is a set"),
        ({"a": (1, 2)}, "['a']", "is a tuple"),
        ({"a": b"x"}, "['a']", "is a bytes"),
        ({"a": object()}, "['a']", "is a object"),
        (containing_itself(), "['cart'][0]", "contains itself"),
        (nested(MAX_DEPTH + 1), "['a']" * MAX_DEPTH, "is more than 32 levels deep"),
    ],
)
def test_what_json_cannot_bring_back_is_refused(
    payload: object, path: str, reason: str
) -> None:
    """The error names the place and the reason, and never shows the value."""
    with pytest.raises(PayloadError) as caught:
        checked_payload(payload)

    assert path == caught.value.path
    assert caught.value.reason.startswith(reason)


def test_the_limits_themselves_are_accepted() -> None:
    """64 bits, 32 levels and the last byte are inside."""
    payload: dict[str, Any] = {"low": -(2**63), "high": 2**63 - 1}
    payload["deep"] = nested(MAX_DEPTH - 1)
    payload["note"] = "x" * (MAX_PAYLOAD_BYTES - len(encoded({**payload, "note": ""})))
    checked = checked_payload(payload)
    payload["note"] = f"{payload['note']}x"

    assert MAX_PAYLOAD_BYTES == len(encoded(checked))
    with pytest.raises(PayloadTooLargeError, match="takes 1,537 bytes of JSON"):
        checked_payload(payload)


def test_a_cart_of_forty_items_fits() -> None:
    """As many UUIDs as a visitor may well collect."""
    assert checked_payload({"cart": [str(uuid.uuid4()) for _ in range(39)]})


def test_size_counts_escaped_json() -> None:
    """A Cyrillic letter is six bytes, as the SDK writes it."""
    letters = (MAX_PAYLOAD_BYTES - len(encoded({"a": ""}))) // 6

    assert checked_payload({"a": "я" * letters})
    with pytest.raises(PayloadTooLargeError):
        checked_payload({"a": "я" * (letters + 1)})


@pytest.mark.parametrize("value", [date(2026, 1, 1), datetime(2026, 1, 1, tzinfo=UTC)])
def test_a_date_is_told_how_to_travel(value: date) -> None:
    """The error says what to write instead."""
    with pytest.raises(PayloadError, match="isoformat"):
        checked_payload({"since": value})


@pytest.mark.parametrize(
    "name", sorted(RESERVED | {"st-role", "st-", "sg-more", "sg-"})
)
def test_reserved_names_are_refused(name: str) -> None:
    """The error names the claim."""
    with pytest.raises(PayloadError) as caught:
        checked_payload({"cart": 1, name: 1})

    assert f"[{name!r}]" == caught.value.path
    assert is_reserved(name)


def test_reserved_names_cover_what_the_sdk_protects() -> None:
    """A claim that the SDK or the core guards can be in no payload."""
    assert set() == set(protected_props) - RESERVED


def test_names_inside_values_are_the_apps_own() -> None:
    """Reserved is only what would become a claim."""
    assert {"user": {"sub": 1}} == checked_payload({"user": {"sub": 1}})


class Text(str):
    """A string that pretends to be another."""

    __slots__ = ()

    def __eq__(self, other: object) -> bool:
        """Be nobody's equal."""
        return False

    def __hash__(self) -> int:
        """Hide among others."""
        return 5

    def startswith(self, *args: Any) -> bool:
        """Begin with nothing."""
        return False


def test_subclasses_of_jsons_types_are_made_plain() -> None:
    """An enumeration of integers is a number, as JSON writes it."""
    payload = {"status": HTTPStatus.OK, "many": OrderedDict(a=[Text("b")])}
    checked = checked_payload(payload)

    assert {"status": 200, "many": {"a": ["b"]}} == checked
    assert [int, dict, str] == [
        type(checked["status"]),
        type(checked["many"]),
        type(checked["many"]["a"][0]),
    ]


@pytest.mark.parametrize("name", ["sub", "st-role"])
def test_s1_a_name_cannot_pretend_to_be_another(name: str) -> None:
    """What counts is what would be sent."""
    with pytest.raises(PayloadError, match="is a name that SuperTokens"):
        checked_payload({Text(name): 1})
    with pytest.raises(PayloadError, match="twice"):
        checked_payload({Text("a"): 1, "a": 2})


def test_s10_a_name_is_shown_cut() -> None:
    """It may be what somebody typed."""
    with pytest.raises(PayloadError) as caught:
        checked_payload({"x" * 10_000: {1}})

    assert len(str(caught.value)) < 200


def test_plain_copy_lets_reserved_names_pass() -> None:
    """The transfer drops them by itself and says so."""
    assert {"sub": "x"} == plain_copy({"sub": "x"})
