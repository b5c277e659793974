"""What of a guest enters a session."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from supertokens_guest._tokens.payload import RESERVED, is_reserved
from supertokens_guest._transfer.selection import (
    Headers,
    Selection,
    arrived,
    select_claims,
)

GUEST_ID = "G-1"
MORE = {"sub": "G-1", "sg-more": True}
names = st.text("abc", min_size=1) | st.sampled_from(sorted(RESERVED | {"st-role"}))
mappings = st.dictionaries(names, st.integers(0, 2))
HEADERS = Headers(
    user_id="3523315d-3f04-4b4b-9128-8f8c5bc9cb4b",
    tenant_id="public",
    domain="",
    refresh_path="/auth/session/refresh",
    anti_csrf=False,
    copies=1,
    is_login=True,
)
# What fits no more beside a session's own claims; and what leaves no room for a mark.
LARGE = "x" * 900
FULL = {"app": "y" * 1_400}


def select(
    chosen: Mapping[str, Any],
    payload: Mapping[str, Any] | None = None,
    data: Mapping[str, Any] | None = None,
    *,
    namespace: str | None = "guest",
    headers: Headers | None = HEADERS,
) -> Selection:
    """Select with what most tests do not care about."""
    return select_claims(
        chosen,
        guest_id=GUEST_ID,
        payload=payload or {},
        data=data or {},
        namespace=namespace,
        headers=headers,
    )


anywhere = {
    "chosen": mappings,
    "present": mappings,
    "large": st.booleans(),
    "namespace": st.sampled_from([None, "guest"]),
    "headers": st.sampled_from([HEADERS, None]),
}


@given(**anywhere)
def test_s2_a_claim_of_the_session_is_never_replaced(
    chosen: dict[str, Any],
    present: dict[str, Any],
    large: bool,
    namespace: str | None,
    headers: Headers | None,
) -> None:
    """Merging what was selected leaves token and data as they were, and adds to them.

    Whether they fit or not; and the mappings that were given are not written to.
    """
    chosen |= {"large": LARGE} if large else {}
    before = dict(present)
    selection = select(chosen, present, present, namespace=namespace, headers=headers)

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
    headers: Headers | None,
) -> None:
    """Nothing disappears, and nothing reserved is ever added but the guest's id."""
    chosen |= {"large": LARGE} if large else {}
    selection = select(chosen, present, present, namespace=namespace, headers=headers)

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
    selection = select({"a": "x" * 300})

    assert ({}, False) == (selection.into_data, selection.in_database)


def test_s18_nothing_enters_a_session_that_is_full() -> None:
    """Not even the mark, so nothing is in the data that nobody would find."""
    selection = select({"a": LARGE}, FULL)

    assert ({}, {}) == (selection.into_payload, selection.into_data)
    assert {"a": "no_room"} == selection.dropped


@pytest.mark.parametrize("claim", ["x", {"sub": "G-2"}, None, {}])
def test_s2_data_that_is_not_this_guests_is_left_alone(claim: Any) -> None:
    """Overflow takes nothing then, and leaves no mark."""
    selection = select({"a": LARGE}, data={"guest": claim})

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
    selection = select({"a": LARGE}, {"guest": "mine"}, headers=None)

    assert {"guest": {"sub": "G-1", "a": LARGE}} == selection.into_data
    assert ({}, True) == (selection.into_payload, selection.in_database)


FILLED = [
    lambda size: {"x": "a" * (size - 8)},
    lambda size: {"x": "Ж" * ((size - 8) // 6)},
    lambda size: {"x": ['"\\\n'] * ((size - 8) // 9)},
    lambda size: {f"name{n:02}": n for n in range(size // 13)},
]
LARGER_HEADERS = [
    replace(HEADERS, anti_csrf=True),
    replace(HEADERS, tenant_id="customer-1"),
    replace(HEADERS, domain=".shop.example"),
    replace(HEADERS, user_id="u" * 64),
    replace(HEADERS, copies=2),
]


def largest(fill: Callable[[int], dict[str, Any]], headers: Headers) -> int:
    """Return how many bytes of payload fit."""
    fitting = (fill(size) for size in range(8, 1_500) if headers.fit(fill(size)))
    return max((len(encoded(payload)) for payload in fitting), default=0)


@pytest.mark.parametrize("larger", LARGER_HEADERS)
def test_s18_what_makes_a_session_larger_leaves_less_room(larger: Headers) -> None:
    """More in the tokens, longer attributes, or one token more."""
    assert largest(FILLED[0], larger) < largest(FILLED[0], HEADERS)


@pytest.mark.parametrize("fill", FILLED)
def test_s18_text_counts_as_it_is_written(
    fill: Callable[[int], dict[str, Any]],
) -> None:
    """Escaped, as in the front token: so much of any kind takes as much room."""
    size = largest(fill, HEADERS)

    assert abs(size - largest(FILLED[0], HEADERS)) < 30  # noqa: PLR2004 - one claim
    assert size > 300  # noqa: PLR2004 - what an upper bound must not give away


def test_s18_a_late_transfer_has_the_room_of_the_refresh_token() -> None:
    """It sends an access token alone."""
    late = replace(HEADERS, is_login=False)

    assert largest(FILLED[0], HEADERS) + 200 < largest(FILLED[0], late)


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
