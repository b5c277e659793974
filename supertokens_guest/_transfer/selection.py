"""Which of a guest's claims enter a session, under which names, and which do not.

Pure: the caller brings what the session has and what the guest may give.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
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


@dataclass(frozen=True, kw_only=True, slots=True)
class Selection:
    """What a transfer adds to a session.

    Attributes:
        into_payload: What to merge into the access token's payload, at its top level.
        into_data: What to merge into the session's data in the database.
        moved: The guest's claims that are in either, by their own names.
        in_database: Whether they are in the latter.
        dropped: Why each of the others is in neither.
    """

    into_payload: dict[str, Any] = field(default_factory=dict, repr=False)
    into_data: dict[str, Any] = field(default_factory=dict, repr=False)
    moved: dict[str, Any] = field(default_factory=dict, repr=False)
    in_database: bool = False
    dropped: dict[str, DropReason] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class Headers:
    """What the size of an answer's headers depends on, beside the session's claims.

    Attributes:
        user_id: The longer of the user's two ids.
        tenant_id: The tenant of the login.
        domain: ``Domain`` of the session cookies, or ``""``.
        refresh_path: ``Path`` of the refresh token's cookie.
        anti_csrf: Whether the session has an anti-CSRF token.
        copies: How often the access token is sent: in a header, too, if exposed.
        is_login: Whether a refresh token is sent, too.
    """

    user_id: str
    tenant_id: str
    domain: str
    refresh_path: str
    anti_csrf: bool
    copies: int
    is_login: bool

    def fit(self, payload: Mapping[str, Any]) -> bool:
        """Tell whether a session with these claims of the app's and ours fits.

        An upper bound, for the refresh as well, which is larger than the login: its
        tokens name those that they replace. What overflows 100 bytes early costs
        nobody anything. All text is counted as the SDK writes it into the front token,
        with what is not ASCII escaped, in which no token is shorter.
        """
        text = json.dumps(payload, separators=(",", ":"))
        # The core writes a float as Java does, by up to three characters longer.
        claims = len(text) + 3 * len(re.findall(r"\d\.|\de[+-]", text))
        claims += _CORE_CLAIMS + 2 * len(self.user_id) + 2 * len(self.tenant_id)
        claims += 36 * self.anti_csrf
        access_token = 124 + 342 + 2 + _base64(claims)  # header, signature, dots
        cookie = _ATTRIBUTES + len(self.domain)
        total = _OTHER_HEADERS + 36 * self.anti_csrf
        total += self.copies * (access_token + cookie)
        total += _base64(claims + 40 + len(self.user_id))  # the front token
        if self.is_login:
            token = 494 + 84 * self.anti_csrf
            ids = 2 * max(0, len(self.user_id) - 36) + 2 * len(self.tenant_id)
            total += cookie + token + ids + len(self.refresh_path)
        return total <= MAX_HEADERS_BYTES


# Status line, Date, Server, Content-Type and Content-Length (139 bytes with uvicorn),
# two or three that a cross-origin front end needs, and the names of the SDK's headers
# (front-token, anti-csrf, Access-Control-Expose-Headers: 75).
_OTHER_HEADERS = 260 + 75 + 15
# {"iat","exp","sub","tId","rsub","sessionHandle","refreshTokenHash1",
# "parentRefreshTokenHash1","antiCsrfToken"} with two hashes, times and a handle, but
# without the ids; and room for the mark of a guest who has to wait.
_CORE_CLAIMS = 341 + 50
# set-cookie: sRefreshToken=; Domain=; expires=…; HttpOnly; Path=; SameSite=strict;
# Secure, and the line's end.
_ATTRIBUTES = 130


def _base64(size: int) -> int:
    return (size * 4 + 2) // 3


def select_claims(
    chosen: Mapping[str, Any],
    *,
    guest_id: str,
    payload: Mapping[str, Any],
    data: Mapping[str, Any],
    namespace: str | None,
    headers: Headers | None,
) -> Selection:
    """Select what enters a session that has *payload* and *data*.

    A claim of the session is never replaced, and a reserved name never enters. Claims
    that do not fit into the headers go into the data, all together.

    Args:
        chosen: The guest's claims that the app wants, by name.
        guest_id: The guest's id, for ``sub`` under the namespace.
        payload: The access token's payload so far. It is not written to.
        data: The session's data in the database so far. It is not written to.
        namespace: The claim to put everything under, or ``None`` for the top level.
        headers: What carries the payload; ``None`` to use the data alone.
    """
    home = data if headers is None else payload
    inside = _inside(home, namespace, guest_id)
    if inside is None:
        return Selection(dropped=dict.fromkeys(chosen, "namespace_taken"))
    wanted, moved, dropped = _sort(chosen, inside)
    added = _wrapped(wanted, inside, namespace, guest_id)
    if headers is None:
        return Selection(
            into_data=added, moved=moved | wanted, in_database=True, dropped=dropped
        )
    if MORE not in inside and headers.fit({**payload, **added}):
        return Selection(into_payload=added, moved=moved | wanted, dropped=dropped)

    # All together into the data, with what an earlier try put into the token.
    own = {"sub", MORE}
    together = {**inside, **wanted} if namespace is not None else wanted
    together = {name: together[name] for name in together if name not in own}
    key = DATA_KEY if namespace is None else namespace
    stored = _inside(data, key, guest_id)
    if stored is None:
        return Selection(dropped=dict.fromkeys(chosen, "namespace_taken"))
    wanted, stored_before, more_dropped = _sort(together, stored)
    mark = _wrapped({MORE: True}, {}, namespace, guest_id)
    if not headers.fit({**payload, **mark}):
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
    """Return *selection* as it really arrived in a session with this payload.

    The app's own override may run after ours: what it put in the place of a guest's
    claim wins, and what it took out has not arrived.
    """
    if selection.in_database:
        return selection
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
    claims: dict[str, Any],
    inside: Mapping[str, Any],
    namespace: str | None,
    guest_id: str,
) -> dict[str, Any]:
    if namespace is None:
        return claims
    return {namespace: {"sub": guest_id, **inside, **claims}}


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
