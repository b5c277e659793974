"""What of a guest enters a session."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from supertokens_guest._tokens.payload import RESERVED, is_reserved
from supertokens_guest.transfer import Selection, confirmed, select_claims

GUEST_ID = "G-1"
names = st.text("abc", min_size=1) | st.sampled_from(sorted(RESERVED | {"st-role"}))
mappings = st.dictionaries(names, st.integers(0, 2))


def select(
    chosen: Mapping[str, Any],
    present: Mapping[str, Any] | None = None,
    *,
    namespace: str | None = "guest",
    fits: Callable[[Mapping[str, Any]], bool] = lambda _: True,
) -> Selection:
    """Select with what most tests do not care about."""
    return select_claims(
        chosen,
        guest_id=GUEST_ID,
        present=present or {},
        namespace=namespace,
        fits=fits,
    )


@given(mappings, mappings, st.sampled_from([None, "guest"]))
def test_s2_a_login_claim_is_never_replaced(
    chosen: dict[str, Any], present: dict[str, Any], namespace: str | None
) -> None:
    """Merging what was selected leaves every claim of the session as it was."""
    before = dict(present)
    selection = select(chosen, present, namespace=namespace)
    after = {**present, **selection.added}

    assert before == present
    assert before == {name: after[name] for name in before}


@given(mappings, mappings, st.sampled_from([None, "guest"]))
def test_s2_every_claim_is_moved_or_dropped_with_a_reason(
    chosen: dict[str, Any], present: dict[str, Any], namespace: str | None
) -> None:
    """Nothing disappears, and nothing reserved is ever added."""
    selection = select(chosen, present, namespace=namespace)

    assert chosen.keys() == selection.moved.keys() | selection.dropped.keys()
    assert set() == selection.moved.keys() & selection.dropped.keys()
    added = selection.added if namespace is None else selection.added.get("guest", {})
    assert [] == [name for name in added if is_reserved(name) and name != "sub"]


def test_claims_arrive_under_the_namespace_with_the_guests_id() -> None:
    """The session tells who the guest was."""
    selection = select({"cart": [1]})

    assert {"guest": {"sub": "G-1", "cart": [1]}} == selection.added
    assert {"cart": [1]} == selection.moved


def test_claims_arrive_at_the_top_level_without_the_id() -> None:
    """``sub`` is the user's there."""
    assert {"cart": [1]} == select({"cart": [1]}, namespace=None).added


def test_an_empty_guest_still_tells_its_id() -> None:
    """A guest without a payload is somebody too."""
    assert {"guest": {"sub": "G-1"}} == select({}).added
    assert {} == select({}, namespace=None).added


def test_a_namespace_that_is_not_this_guests_is_left_alone() -> None:
    """Whether the app put it there or another guest."""
    for claim in ("x", {"sub": "G-2"}, None, {}):
        selection = select({"cart": 1}, {"guest": claim})

        assert {} == selection.added
        assert {"cart": "namespace_taken"} == selection.dropped


def test_a_second_try_of_the_same_guest_completes_the_first() -> None:
    """What is there already counts as moved, what is not is added."""
    present = {"guest": {"sub": "G-1", "a": 1, "b": 2}}
    selection = select({"a": 1, "b": 3, "c": 4}, present)

    assert {"guest": {"sub": "G-1", "a": 1, "b": 2, "c": 4}} == selection.added
    assert {"a": 1, "c": 4} == selection.moved
    assert {"b": "present"} == selection.dropped


@pytest.mark.parametrize("namespace", [None, "guest"])
def test_s18_what_does_not_fit_stays_and_smaller_claims_still_move(
    namespace: str | None,
) -> None:
    """One large claim does not keep the others out."""

    def fits(added: Mapping[str, Any]) -> bool:
        return "large" not in str(added)

    chosen = {"a": 1, "b": "large", "c": 3}
    selection = select(chosen, namespace=namespace, fits=fits)

    assert {"a": 1, "c": 3} == selection.moved
    assert {"b": "too_large"} == selection.dropped
    assert "large" not in str(selection.added)


def test_s18_nothing_enters_a_session_that_is_full() -> None:
    """Not even the guest's id."""
    selection = select({"a": 1}, fits=lambda _: False)

    assert {} == selection.added
    assert {"a": "too_large"} == selection.dropped


def test_what_arrived_is_read_from_the_session_itself() -> None:
    """The app's own override may replace claims or take them out, and wins."""
    selection = select({"a": 1, "b": 2, "c": 3, "n": None})
    arrived = {"guest": {"sub": "G-1", "a": 1, "b": "the app's"}}
    really = confirmed(selection, arrived, "guest")

    assert {"a": 1, "n": None} == really.moved
    assert {"b": "present", "c": "removed"} == really.dropped


def test_what_arrived_when_the_namespace_is_gone() -> None:
    """An override that takes the claim out leaves nothing moved."""
    selection = select({"a": 1})

    assert {"a": "removed"} == confirmed(selection, {}, "guest").dropped
    assert {"a": "removed"} == confirmed(selection, {"guest": 5}, "guest").dropped
    top = select({"a": 1}, namespace=None)
    assert {"a": 1} == confirmed(top, {"a": 1}, None).moved
