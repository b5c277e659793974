"""Which of a guest's claims enter a session, and under which names: a pure decision."""

import copy
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from supertokens_guest._tokens.payload import GUEST_ID, is_reserved

DropReason = Literal["reserved", "present", "namespace_taken", "no_room", "removed"]

WAITING = "sg-waiting"  # the session's claim of the guest left for a later transfer
MORE = "sg-more"  # beside the guest's id: the claims lie in the session's data
DATA_KEY = "guest"  # where in the data, when the configuration has no namespace

MAX_HEADERS_BYTES = 4_000  # to more than 4,096 nginx, with its defaults, answers 502
_SLACK = 250  # by which the bound is too high at least: for what must be in the token


@dataclass(frozen=True, kw_only=True, slots=True)
class Selection:
    """What a transfer merges into a session, and what that means claim by claim."""

    into_payload: dict[str, Any] = field(default_factory=dict, repr=False)
    into_data: dict[str, Any] = field(default_factory=dict, repr=False)
    moved: dict[str, Any] = field(default_factory=dict, repr=False)
    dropped: dict[str, DropReason] = field(default_factory=dict)

    @property
    def in_database(self) -> bool:
        return bool(self.into_data)

    @property
    def left_behind(self) -> DropReason | None:
        """Why a claim could still follow, if one could, while the cookie is kept."""
        return min(set(self.dropped.values()) - {"reserved", "present"}, default=None)


def headers_bytes(payload: Mapping[str, Any], *, ids: str, copies: int) -> int:
    """Return an upper bound for an answer's headers with a session in them.

    For those of a refresh, the largest: its tokens name what they replace. *ids* name
    the user and the tenant; of the access token there are *copies*.
    """
    # As in the front token, in which what is not ASCII is escaped; the core writes a
    # float as Java does, by up to three characters longer.
    text, ids = json.dumps(payload, separators=(",", ":")), json.dumps(ids)
    claims = len(text) + 3 * len(re.findall(r"\d\.|\de[+-]", text))
    # The core's own: three hashes, times, a handle; and the mark of a waiting guest.
    claims += 355 + 48 + 2 * len(ids)
    # In base64: access tokens with header, signature and dots; the front token. And the
    # refresh token, of 568 bytes with a UUID and the tenant "public".
    total = (copies * claims + claims + 34 + len(ids)) * 4 // 3 + 1 + 491 * copies
    total += 568 + 2 * max(0, len(ids) - 42)
    # Two cookies' attributes; the names of the SDK's headers, and one against CSRF;
    # what the server adds (139 bytes with uvicorn) and a cross-origin front end needs.
    return total + 2 * 118 + 136 + 260


def select_claims(
    chosen: Mapping[str, Any],
    *,
    guest_id: str,
    payload: Mapping[str, Any],
    data: Mapping[str, Any],
    namespace: str | None,
    room: Callable[[Mapping[str, Any]], int] | None,
) -> Selection:
    """Select what enters a session that has *payload* and *data*.

    A claim of the session is never replaced, and a reserved name never enters. Claims
    that do not fit into the headers go into the data, all together. *room* tells the
    bytes that are left in them; without it the data takes all.
    """
    home = data if room is None else payload
    added, moved, dropped = _joined(chosen, home, namespace, guest_id)
    if not added:
        return Selection(dropped=dropped)
    if room is None:
        return Selection(into_data=added, moved=moved, dropped=dropped)
    inside = added if namespace is None else added.get(namespace, {})
    has_more = MORE in (payload if namespace is None else inside)
    if not has_more and room({**payload, **added}) >= 0:
        return Selection(into_payload=added, moved=moved, dropped=dropped)

    # All together into the data, with what an earlier try put into the token.
    mark: dict[str, Any] = {MORE: True}
    if namespace is not None:
        mark = {namespace: {"sub": guest_id, MORE: True}}
    if room({**payload, **mark}) < -_SLACK:
        return Selection(dropped=dropped | dict.fromkeys(moved, "no_room"))
    together = {name: inside[name] for name in inside if name not in {"sub", MORE}}
    added, moved, out = _joined(together, data, namespace or DATA_KEY, guest_id)
    if not added:
        return Selection(dropped=dict.fromkeys(chosen, "namespace_taken"))
    dropped |= out
    return Selection(into_payload=mark, into_data=added, moved=moved, dropped=dropped)


def guests(claim: object) -> dict[str, Any] | None:
    """Return a copy of what a session's *claim* holds of a guest, id and all."""
    if not isinstance(claim, dict) or not GUEST_ID.fullmatch(str(claim.get("sub"))):
        return None
    return copy.deepcopy({name: claim[name] for name in claim if name != MORE})


def arrived(
    selection: Selection, payload: Mapping[str, Any], namespace: str | None
) -> Selection:
    """Return *selection* as it arrived: the app's override may run after ours."""
    if selection.in_database:
        return selection
    claim = payload if namespace is None else payload.get(namespace)
    inside = claim if isinstance(claim, Mapping) else {}
    moved, dropped = dict(selection.moved), dict(selection.dropped)
    for name, value in selection.moved.items():
        if inside.get(name) != value:  # the SDK merges None as absent
            dropped[name] = "present" if name in inside else "removed"
            del moved[name]
    return Selection(moved=moved, dropped=dropped)


def _joined(
    chosen: Mapping[str, Any], home: Mapping[str, Any], namespace: str | None, sub: str
) -> tuple[dict[str, Any], dict[str, Any], dict[str, DropReason]]:
    """Return what to merge into *home*, which claims are there then, and which not."""
    inside = home if namespace is None else home.get(namespace, {"sub": sub})
    is_mapping = isinstance(inside, Mapping)
    if not is_mapping or (namespace is not None and inside.get("sub") != sub):
        return {}, {}, dict.fromkeys(chosen, "namespace_taken")
    moved: dict[str, Any] = {}
    dropped: dict[str, DropReason] = {}
    for name, value in chosen.items():
        if is_reserved(name):
            dropped[name] = "reserved"
        elif name in inside and inside[name] != value:
            dropped[name] = "present"
        else:  # new, or there by an earlier try of the same guest
            moved[name] = value
    added = moved if namespace is None else {namespace: {**inside, **moved}}
    return added, moved, dropped
