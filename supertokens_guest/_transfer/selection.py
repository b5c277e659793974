"""Which of a guest's claims enter a session, under which names, and which do not.

Pure: the caller brings what the session has and what the guest may give.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Literal

from supertokens_guest.claims import is_reserved

DropReason = Literal["reserved", "present", "namespace_taken", "too_large", "removed"]

SETTLED: frozenset[str] = frozenset({"reserved", "present"})
"""Reasons that no later try changes: such a claim does not keep the guest's cookie."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Selection:
    """What a transfer adds to a session.

    Attributes:
        added: What to merge into the session's payload, at its top level.
        moved: The guest's claims that are in it, by their own names.
        dropped: Why each of the others is not.
    """

    added: Mapping[str, Any] = field(repr=False)
    moved: Mapping[str, Any] = field(repr=False)
    dropped: Mapping[str, DropReason]


EMPTY: Mapping[str, Any] = MappingProxyType({})

NOTHING = Selection(added=EMPTY, moved=EMPTY, dropped={})
"""The selection of a guest of whom nothing shall move."""


def select_claims(
    chosen: Mapping[str, Any],
    *,
    guest_id: str,
    present: Mapping[str, Any],
    namespace: str | None,
    fits: Callable[[Mapping[str, Any]], bool],
) -> Selection:
    """Select what enters a session that has the claims *present*.

    A claim of the session is never replaced, a reserved name never enters, and what
    would not fit stays out; smaller claims that come later may still enter.

    Args:
        chosen: The guest's claims that the app wants, by name.
        guest_id: The guest's id, for ``sub`` under the namespace.
        present: The session's payload so far. It is not written to.
        namespace: The claim to put everything under, or ``None`` for the top level.
        fits: Whether a session with these claims, beside those it has, is small enough.
    """
    inside = _inside(present, namespace, guest_id)
    if inside is None:
        taken: dict[str, DropReason] = dict.fromkeys(chosen, "namespace_taken")
        return Selection(added={}, moved={}, dropped=taken)
    moved: dict[str, Any] = {}
    dropped: dict[str, DropReason] = {}
    wanted: dict[str, Any] = {}
    for name, value in chosen.items():
        if is_reserved(name):
            dropped[name] = "reserved"
        elif name not in inside:
            wanted[name] = value
        elif inside[name] == value:
            moved[name] = value  # by an earlier try of the same guest
        else:
            dropped[name] = "present"

    def wrapped(claims: Mapping[str, Any]) -> Mapping[str, Any]:
        if namespace is None:
            return claims
        return {namespace: {"sub": guest_id, **inside, **claims}}

    fitting = _fitting(wanted, lambda claims: fits(wrapped(claims)))
    if fitting is None:
        too_large: dict[str, DropReason] = dict.fromkeys(wanted, "too_large")
        return Selection(added={}, moved=moved, dropped={**dropped, **too_large})
    for name in wanted.keys() - fitting.keys():
        dropped[name] = "too_large"
    return Selection(
        added=wrapped(fitting), moved={**moved, **fitting}, dropped=dropped
    )


def _fitting(
    wanted: Mapping[str, Any], fits: Callable[[Mapping[str, Any]], bool]
) -> Mapping[str, Any] | None:
    """Return as many of the *wanted* claims as fit; ``None`` if not even none does."""
    if fits(wanted):  # nearly always, and then it is one measurement
        return wanted
    if not fits({}):
        return None
    fitting: dict[str, Any] = {}
    for name, value in wanted.items():
        if fits({**fitting, name: value}):
            fitting[name] = value
    return fitting


def confirmed(
    selection: Selection, payload: Mapping[str, Any], namespace: str | None
) -> Selection:
    """Return *selection* as it really arrived in a session with this payload.

    The app's own override may run after ours: what it put in the place of a guest's
    claim wins, and what it took out has not arrived.
    """
    inside = payload if namespace is None else payload.get(namespace)
    if not isinstance(inside, Mapping):
        inside = {}
    moved: dict[str, Any] = {}
    dropped = dict(selection.dropped)
    for name, value in selection.moved.items():
        if name not in inside and value is not None:  # the SDK merges None as absent
            dropped[name] = "removed"
        elif inside.get(name) != value:
            dropped[name] = "present"
        else:
            moved[name] = value
    return Selection(added=selection.added, moved=moved, dropped=dropped)


def _inside(
    present: Mapping[str, Any], namespace: str | None, guest_id: str
) -> Mapping[str, Any] | None:
    """Return the mapping that claims would join; ``None`` if it is somebody else's."""
    if namespace is None:
        return present
    if namespace not in present:
        return {}
    claim = present[namespace]
    if isinstance(claim, Mapping) and claim.get("sub") == guest_id:
        return claim
    return None
