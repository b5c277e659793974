"""Who the guest of a request is, when it may bring several tokens, some of them bad."""

from __future__ import annotations

import hashlib
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from supertokens_guest._tokens.rules import ownership
from supertokens_guest._web.requests import (
    MAX_COOKIES,
    guest_cookies,
    guest_header,
    visit_of,
)
from supertokens_guest.errors import KeysUnavailableError, TokenError
from supertokens_guest.events import logger
from supertokens_guest.guest import Guest

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from supertokens_python.framework.request import BaseRequest

    from supertokens_guest._background import Edge
    from supertokens_guest._runtime import Runtime


@dataclass(frozen=True, kw_only=True, slots=True)
class Reading:
    """What the guest tokens of a request came to.

    Attributes:
        guest: The guest, when there is exactly one; of several tokens the newest.
        by_header: Whether that guest came in the header, and so answers in it.
        ambiguous: Whether two valid guests came, or more cookies than a browser sends
            by itself: somebody planted one.
        unavailable: Why nothing can be said about a token now; it must be kept.
        foreign: Whether somebody else's JWT has our cookie's name.
        clearable: Whether all cookies that came are ours and no good, so that they may
            be cleared: clearing a name could take another cookie than is meant.
        cookie_is_ours: Whether a cookie came that says it is a guest of this app.
        header_is_ours: Whether such a header came.
        fingerprint: Names the tokens that came without showing them; empty for none.
    """

    guest: Guest | None = None
    by_header: bool = False
    ambiguous: bool = False
    unavailable: KeysUnavailableError | None = None
    foreign: bool = False
    clearable: bool = False
    cookie_is_ours: bool = False
    header_is_ours: bool = False
    fingerprint: str = ""


class _Outcome(NamedTuple):
    token: str
    by_header: bool
    result: Guest | TokenError | KeysUnavailableError


async def read(
    runtime: Runtime, request: BaseRequest, edge: Edge, *, wait_seconds: float
) -> Reading:
    """Verify the guest tokens of *request*, waiting at most so long for keys.

    A request is read once; what it cannot tell now, for want of keys, it may ask again.
    """
    visit = visit_of(request)
    if visit.reading is not None and visit.reading.unavailable is None:
        return visit.reading
    cookies = guest_cookies(request, runtime.config.cookie_name)
    header = guest_header(request)
    if not cookies and header is None:
        visit.reading = Reading()
        return visit.reading
    ends_at = time.monotonic() + wait_seconds
    outcomes: list[_Outcome] = []
    tokens = [(token, False) for token in cookies[:MAX_COOKIES]]
    if header is not None:
        tokens.append((header, True))
    for token, by_header in tokens:
        left = max(0.0, ends_at - time.monotonic())
        try:
            guest = await edge.verify(runtime.verifier, token, left)
        except (TokenError, KeysUnavailableError) as error:
            outcomes.append(_Outcome(token, by_header, error))
        else:
            outcomes.append(_Outcome(token, by_header, guest))
    visit.reading = _decide(runtime, outcomes, too_many=len(cookies) > MAX_COOKIES)
    return visit.reading


def fingerprint(tokens: Iterable[str]) -> str:
    """Name *tokens* so that they can be told again, and not be made from it."""
    if not tokens:
        return ""
    return hashlib.sha256("\n".join(sorted(set(tokens))).encode()).hexdigest()[:32]


def _decide(
    runtime: Runtime, outcomes: Sequence[_Outcome], *, too_many: bool
) -> Reading:
    """Decide who the guest is, and what may be done with each token."""
    guests: list[tuple[Guest, bool]] = []
    unavailable: KeysUnavailableError | None = None
    owners = {token: ownership(token, runtime.issuer) for token, _, _ in outcomes}
    useless = foreign = 0
    for token, by_header, result in outcomes:
        if isinstance(result, Guest):
            guests.append((result, by_header))
        elif isinstance(result, KeysUnavailableError):
            unavailable = result
        elif owners[token] == "foreign" and not by_header:
            foreign += 1
        else:
            useless += owners[token] == "ours" and not by_header
            logger.debug("guest token refused: %s", result.code)
            runtime.tell("verify-rejected", result.code, error=result)
    if foreign:
        name = runtime.config.cookie_name
        logger.debug("the cookie %r holds a JWT that is not ours", name)
        runtime.tell("foreign-cookie")
    in_cookies = sum(not outcome.by_header for outcome in outcomes)
    ambiguous = too_many or len({guest.id for guest, _ in guests}) > 1
    guest, by_header = _newest(guests, ambiguous=ambiguous)
    ours = {token for token, owner in owners.items() if owner == "ours"}
    return Reading(
        guest=guest,
        by_header=by_header,
        ambiguous=ambiguous,
        unavailable=unavailable,
        foreign=foreign > 0,
        clearable=0 < useless == in_cookies,
        cookie_is_ours=any(o.token in ours and not o.by_header for o in outcomes),
        header_is_ours=any(o.token in ours and o.by_header for o in outcomes),
        fingerprint=fingerprint([outcome.token for outcome in outcomes]),
    )


def _newest(
    guests: Sequence[tuple[Guest, bool]], *, ambiguous: bool
) -> tuple[Guest | None, bool]:
    """Return the newest token's guest, and whether it came in the header.

    Of two guests the header's is the visitor's: no other site can set it.
    """
    if ambiguous:
        guests = [pair for pair in guests if pair[1]]
    if not guests:
        return None, False
    return max(
        guests, key=lambda pair: (pair[0].issued_at, pair[0].expires_at, pair[1])
    )
