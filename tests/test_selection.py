"""What of a guest enters a session."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from supertokens_python.recipe.session.cookie_and_header import build_front_token

from supertokens_guest._tokens.payload import RESERVED, is_reserved
from supertokens_guest._transfer.selection import (
    Selection,
    arrived,
    headers_bytes,
    select_claims,
)

GUEST_ID = "G-1"
MORE = {"sub": "G-1", "sg-more": True}
ROOM_BYTES = 500
LARGE = "x" * ROOM_BYTES
names = st.text("abc", min_size=1) | st.sampled_from(sorted(RESERVED | {"st-role"}))
mappings = st.dictionaries(names, st.integers(0, 2))


def small_room(payload: Mapping[str, Any]) -> int:
    """Return what is left of a little room."""
    return ROOM_BYTES - len(json.dumps(payload))


def select(
    chosen: Mapping[str, Any],
    payload: Mapping[str, Any] | None = None,
    data: Mapping[str, Any] | None = None,
    *,
    namespace: str | None = "guest",
    room: Callable[[Mapping[str, Any]], int] | None = small_room,
) -> Selection:
    """Select with what most tests do not care about."""
    return select_claims(
        chosen,
        guest_id=GUEST_ID,
        payload=payload or {},
        data=data or {},
        namespace=namespace,
        room=room,
    )


anywhere = {
    "chosen": mappings,
    "present": mappings,
    "large": st.booleans(),
    "namespace": st.sampled_from([None, "guest"]),
    "room": st.sampled_from([small_room, None]),
}


@given(**anywhere)
def test_s2_a_claim_of_the_session_is_never_replaced(
    chosen: dict[str, Any],
    present: dict[str, Any],
    large: bool,
    namespace: str | None,
    room: Any,
) -> None:
    """Merging what was selected leaves token and data as they were, and adds to them.

    Whether they fit or not; and the mappings that were given are not written to.
    """
    chosen |= {"large": LARGE} if large else {}
    before = dict(present)
    selection = select(chosen, present, present, namespace=namespace, room=room)

    assert before == present
    for added in (selection.into_payload, selection.into_data):
        after = {**present, **added}
        assert before == {name: after[name] for name in before}


@given(**anywhere)
def test_s2_every_claim_is_moved_or_dropped_with_a_reason(
    chosen: dict[str, Any],
    present: dict[str, Any],
    large: bool,
    namespace: str | None,
    room: Any,
) -> None:
    """Nothing disappears, and nothing reserved is ever added but the guest's id."""
    chosen |= {"large": LARGE} if large else {}
    selection = select(chosen, present, present, namespace=namespace, room=room)

    assert chosen.keys() == selection.moved.keys() | selection.dropped.keys()
    assert set() == selection.moved.keys() & selection.dropped.keys()
    for added in (selection.into_payload, selection.into_data):
        inside = added.get("guest", added)
        reserved = {name for name in inside if is_reserved(name)}
        assert reserved <= {"sub", "sg-more"}


def test_claims_arrive_under_the_namespace_with_the_guests_id() -> None:
    """The session tells who the guest was."""
    selection = select({"cart": [1]})

    assert {"guest": {"sub": "G-1", "cart": [1]}} == selection.into_payload
    assert {"cart": [1]} == selection.moved


def test_claims_arrive_at_the_top_level_without_the_id() -> None:
    """``sub`` is the user's there."""
    assert {"cart": [1]} == select({"cart": [1]}, namespace=None).into_payload


def test_an_empty_guest_still_tells_its_id() -> None:
    """A guest without a payload is somebody too."""
    assert {"guest": {"sub": "G-1"}} == select({}).into_payload
    assert {} == select({}, namespace=None).into_payload


def test_a_namespace_that_is_not_this_guests_is_left_alone() -> None:
    """Whether the app put it there or another guest."""
    for claim in ("x", {"sub": "G-2"}, None, {}):
        selection = select({"cart": 1}, {"guest": claim})

        assert {} == selection.into_payload
        assert {"cart": "namespace_taken"} == selection.dropped


def test_a_second_try_of_the_same_guest_completes_the_first() -> None:
    """What is there already counts as moved, what is not is added."""
    present = {"guest": {"sub": "G-1", "a": 1, "b": 2}}
    selection = select({"a": 1, "b": 3, "c": 4}, present)

    assert {"guest": {"sub": "G-1", "a": 1, "b": 2, "c": 4}} == selection.into_payload
    assert {"a": 1, "c": 4} == selection.moved
    assert {"b": "present"} == selection.dropped


@pytest.mark.parametrize(
    ("namespace", "mark"), [("guest", {"guest": MORE}), (None, {"sg-more": True})]
)
def test_s18_what_does_not_fit_goes_into_the_data_all_together(
    namespace: str | None, mark: dict[str, Any]
) -> None:
    """The session says that there is more, where it says who the guest was."""
    chosen = {"a": 1, "b": LARGE, "c": 3}
    selection = select(chosen, {"app": 1}, {"app": 2}, namespace=namespace)

    assert {"guest": {"sub": "G-1", **chosen}} == selection.into_data
    assert mark == selection.into_payload
    assert (True, chosen, {}) == (
        selection.in_database,
        selection.moved,
        selection.dropped,
    )


def test_s18_a_claim_that_fits_stays_in_the_token() -> None:
    """Nothing is written to the data then."""
    selection = select({"a": "x" * 100})

    assert ({}, False) == (selection.into_data, selection.in_database)


def test_s18_nothing_enters_a_session_that_is_full() -> None:
    """Not even the mark, so nothing is in the data that nobody would find."""
    selection = select({"a": LARGE}, {"app": "y" * 2 * ROOM_BYTES})

    assert ({}, {}) == (selection.into_payload, selection.into_data)
    assert {"a": "no_room"} == selection.dropped


@pytest.mark.parametrize("claim", ["x", {"sub": "G-2"}, None, {}])
def test_s2_data_that_is_not_this_guests_is_left_alone(claim: Any) -> None:
    """Overflow takes nothing then, and leaves no mark."""
    selection = select({"a": LARGE}, data={"guest": claim})

    assert ({}, {}) == (selection.into_payload, selection.into_data)
    assert {"a": "namespace_taken"} == selection.dropped


def test_s2_a_taken_namespace_gets_no_mark_either() -> None:
    """Where the login's own claims leave no room, and one is where ours would go."""
    selection = select({"a": 1}, {"guest": "mine", "b": LARGE})

    assert ({}, {}) == (selection.into_payload, selection.into_data)
    assert {"a": "namespace_taken"} == selection.dropped


def test_what_fitted_once_goes_along_when_more_does_not() -> None:
    """A second try of the same guest leaves nothing of it in the token."""
    selection = select({"a": 1, "b": LARGE}, {"guest": {"sub": "G-1", "a": 1}})

    assert {"guest": MORE} == selection.into_payload
    assert {"guest": {"sub": "G-1", "a": 1, "b": LARGE}} == selection.into_data


def test_a_second_try_finds_what_lies_in_the_data() -> None:
    """Small claims follow there, too: one place for one guest."""
    data = {"guest": {"sub": "G-1", "a": LARGE}}
    selection = select({"a": LARGE, "b": 2}, {"guest": MORE}, data)

    assert {"guest": MORE} == selection.into_payload
    assert {"guest": {"sub": "G-1", "a": LARGE, "b": 2}} == selection.into_data


def test_the_data_alone_is_used_where_the_app_says_so() -> None:
    """Then no header carries anything, and the token gets no mark."""
    selection = select({"a": LARGE}, {"guest": "mine"}, room=None)

    assert {"guest": {"sub": "G-1", "a": LARGE}} == selection.into_data
    assert ({}, True) == (selection.into_payload, selection.in_database)


USER_ID = "3523315d-3f04-4b4b-9128-8f8c5bc9cb4b"
SESSION: dict[str, Any] = {"ids": USER_ID + "public", "copies": 1}


@pytest.mark.parametrize("larger", [{"ids": "u" * 64}, {"copies": 2}], ids=str)
def test_s18_what_makes_a_session_larger_counts(larger: dict[str, Any]) -> None:
    """More in the tokens, or one token more."""
    assert headers_bytes({}, **SESSION) < headers_bytes({}, **{**SESSION, **larger})


@pytest.mark.parametrize(
    "claims",
    [
        {"x": "a" * 300},
        {"x": "я" * 50},
        {"x": "🛒" * 25},
        {"x": ['"\\\n'] * 33},
        {"x": [1.5e300] * 33},
        {f"name{n:02}": n for n in range(23)},
    ],
    ids=lambda claims: str(claims)[:20],
)
def test_s18_a_claim_counts_as_much_as_the_sdk_makes_of_it(
    claims: dict[str, Any],
) -> None:
    """Twice, in base64: never less than in the SDK's and the core's own writing."""
    front = build_front_token(USER_ID, 1_795_545_248_000, claims)
    # As the core writes it: compact, UTF-8 as it is, floats as Java does.
    body = json.dumps(claims, separators=(",", ":"), ensure_ascii=False)
    access = body.replace("1.5e+300", "1.5E300").encode()
    written = len(front) + len(base64.urlsafe_b64encode(access).rstrip(b"="))
    nothing = len(build_front_token(USER_ID, 1_795_545_248_000, {})) + 3

    counted = headers_bytes(claims, **SESSION) - headers_bytes({}, **SESSION)
    assert written - nothing - 4 <= counted


def test_what_arrived_is_read_from_the_session_itself() -> None:
    """The app's own override may replace claims or take them out, and wins."""
    selection = select({"a": 1, "b": 2, "c": 3, "n": None})
    payload = {"guest": {"sub": "G-1", "a": 1, "b": "the app's"}}
    really = arrived(selection, payload, "guest")

    assert {"a": 1, "n": None} == really.moved
    assert {"b": "present", "c": "removed"} == really.dropped


def test_what_arrived_when_the_namespace_is_gone() -> None:
    """An override that takes the claim out leaves nothing moved."""
    selection = select({"a": 1})

    assert {"a": "removed"} == arrived(selection, {}, "guest").dropped
    assert {"a": "removed"} == arrived(selection, {"guest": 5}, "guest").dropped
    top = select({"a": 1}, namespace=None)
    assert {"a": 1} == arrived(top, {"a": 1}, None).moved
