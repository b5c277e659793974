"""Which of a guest's claims enter a session, under which names, and which do not.

Pure: the caller brings what the session has and what the guest may give.
"""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from supertokens_guest._tokens.payload import is_reserved

DropReason = Literal["reserved", "present", "namespace_taken", "no_room", "removed"]

SETTLED: frozenset[str] = frozenset({"reserved", "present"})
"""Reasons that no later try changes: such a claim does not keep the guest's cookie."""

WAITING = "sg-waiting"
"""The session's claim that names the guest whom the login left for a later transfer."""

MORE = "sg-more"
"""Beside the guest's id: the claims lie in the session's data in the database."""

DATA_KEY = "guest"
"""Where in the session's data claims lie when the configuration has no namespace."""

MAX_HEADERS_BYTES = 4_000
"""Below the 4,096 bytes that nginx, with its defaults, takes for all headers of a
response: to more it answers 502, while the user's row stays."""

_SLACK = 250  # by which the bound is too high at least: for what must be in the token


@dataclass(frozen=True, kw_only=True, slots=True)
class Selection:
    """What a transfer merges into a session, and what that means claim by claim."""

    into_payload: dict[str, Any] = field(default_factory=dict, repr=False)
    into_data: dict[str, Any] = field(default_factory=dict, repr=False)
    moved: dict[str, Any] = field(default_factory=dict, repr=False)
    in_database: bool = False
    dropped: dict[str, DropReason] = field(default_factory=dict)


def headers_bytes(
    payload: Mapping[str, Any],
    *,
    user_id: str,
    tenant_id: str,
    copies: int,
    refresh_path: str | None,
) -> int:
    """Return an upper bound for what a session's tokens take in an answer's headers.

    For the refresh as well, which is larger than the login: its tokens name those that
    they replace. What overflows 100 bytes early costs nobody anything. All text is
    counted as the SDK writes it into the front token, with what is not ASCII escaped,
    in which no token is shorter; a token against CSRF is always counted. *copies* are
    the access token's; *refresh_path* is ``None`` without a refresh token.
    """
    text = json.dumps(payload, separators=(",", ":"))
    # The core writes a float as Java does, by up to three characters longer.
    claims = len(text) + 3 * len(re.findall(r"\d\.|\de[+-]", text))
    # The core's own: three hashes, times, a handle, the ids; and the mark of a guest
    # who has to wait.
    claims += 355 + 48 + 2 * len(user_id) + 2 * len(tenant_id)
    # The access token with header, signature and dots; in a header, too, if exposed.
    total = copies * (468 + _base64(claims)) + 22 * (copies - 1)
    total += _base64(claims + 40 + len(user_id))  # the front token
    # Two cookies' attributes; the names of the SDK's headers; status line, Date,
    # Server, Content-Type, Content-Length (139 bytes with uvicorn) and what a
    # cross-origin front end needs.
    total += 2 * 118 + 136 + 260
    if refresh_path is not None:
        longer = max(0, len(user_id) - 36) + len(tenant_id)
        total += 578 + 2 * longer + len(refresh_path)
    return total


def _base64(size: int) -> int:
    return (size * 4 + 2) // 3


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
    inside = _inside(data if room is None else payload, namespace, guest_id)
    if inside is None:
        return Selection(dropped=dict.fromkeys(chosen, "namespace_taken"))
    wanted, moved, dropped = _sort(chosen, inside)
    added = _wrapped(wanted, inside, namespace, guest_id)
    if room is None:
        return Selection(
            into_data=added, moved=moved | wanted, in_database=True, dropped=dropped
        )
    if MORE not in inside and room({**payload, **added}) >= 0:
        return Selection(into_payload=added, moved=moved | wanted, dropped=dropped)

    # All together into the data, with what an earlier try put into the token.
    together = {**inside, **wanted} if namespace is not None else wanted
    together = {n: together[n] for n in together if n not in {"sub", MORE}}
    key = DATA_KEY if namespace is None else namespace
    stored = _inside(data, key, guest_id)
    if stored is None:
        return Selection(dropped=dict.fromkeys(chosen, "namespace_taken"))
    wanted, stored_before, more_dropped = _sort(together, stored)
    mark = _wrapped({MORE: True}, {}, namespace, guest_id)
    if room({**payload, **mark}) < -_SLACK:
        return Selection(dropped=dropped | dict.fromkeys(together, "no_room"))
    return Selection(
        into_payload=mark,
        into_data=_wrapped(wanted, stored, key, guest_id),
        moved=moved | stored_before | wanted,
        in_database=True,
        dropped=dropped | more_dropped,
    )


def arrived(
    selection: Selection, payload: Mapping[str, Any], namespace: str | None
) -> Selection:
    """Return *selection* as it arrived: the app's override may run after ours."""
    if selection.in_database:
        return selection
    inside = payload if namespace is None else payload.get(namespace)
    if not isinstance(inside, Mapping):
        inside = {}
    moved, dropped = dict(selection.moved), dict(selection.dropped)
    for name, value in selection.moved.items():
        if inside.get(name) != value:  # the SDK merges None as absent
            dropped[name] = "present" if name in inside else "removed"
            del moved[name]
    return Selection(moved=moved, dropped=dropped)


def _sort(
    chosen: Mapping[str, Any], inside: Mapping[str, Any]
) -> tuple[dict[str, Any], dict[str, Any], dict[str, DropReason]]:
    """Sort claims into new ones, those that are there already, and dropped ones."""
    wanted: dict[str, Any] = {}
    moved: dict[str, Any] = {}
    dropped: dict[str, DropReason] = {}
    for name, value in chosen.items():
        if is_reserved(name):
            dropped[name] = "reserved"
        elif name not in inside:
            wanted[name] = value
        elif inside[name] == value:
            moved[name] = value  # by an earlier try of the same guest
        else:
            dropped[name] = "present"
    return wanted, moved, dropped


def _wrapped(
    claims: dict[str, Any], inside: Mapping[str, Any], namespace: str | None, sub: str
) -> dict[str, Any]:
    joined = {"sub": sub, **inside, **claims}
    return claims if namespace is None else {namespace: joined}


def _inside(
    present: Mapping[str, Any], namespace: str | None, guest_id: str
) -> Mapping[str, Any] | None:
    """Return the mapping that claims would join; ``None`` if it is somebody else's."""
    claim = present if namespace is None else present.get(namespace, {})
    if namespace is None or namespace not in present:
        return claim
    is_ours = isinstance(claim, Mapping) and claim.get("sub") == guest_id
    return claim if is_ours else None
