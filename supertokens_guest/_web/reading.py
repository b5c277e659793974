"""Who the guest of a request is, when it may bring several tokens, some of them bad."""

from __future__ import annotations

import hashlib
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from supertokens_guest._runtime import current
from supertokens_guest._tokens.rules import ownership
from supertokens_guest._web.requests import MAX_COOKIES
from supertokens_guest.errors import KeysUnavailableError, TokenError
from supertokens_guest.events import logger
from supertokens_guest.guest import Guest

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from supertokens_guest._web.requests import Visit


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

    @property
    def is_ours(self) -> bool:
        """Whether anything came that says it is a guest of this app."""
        return self.cookie_is_ours or self.header_is_ours


class _Outcome(NamedTuple):
    token: str
    by_header: bool
    owner: str
    result: Guest | TokenError | KeysUnavailableError


async def read(visit: Visit, *, blocks: bool, wait_seconds: float) -> Reading:
    """Verify the guest tokens of a request, waiting at most so long for keys.

    A request is read once; what it cannot tell now, for want of keys, it may ask again.
    """
    if visit.reading is not None and visit.reading.unavailable is None:
        return visit.reading
    runtime = current()
    cookies, header = visit.guest_tokens(runtime.config.cookie_name)
    tokens = [(token, False) for token in cookies[:MAX_COOKIES]]
    if header is not None:
        tokens.append((header, True))
    outcomes: list[_Outcome] = []
    ends_at = time.monotonic() + wait_seconds
    for token, by_header in tokens:
        owner = ownership(token, runtime.issuer)
        left = max(0.0, ends_at - time.monotonic()) if owner != "foreign" else 0.0
        result: Guest | TokenError | KeysUnavailableError
        try:
            if blocks:
                result = runtime.verifier.verify_sync(token, wait_seconds=left)
            else:
                result = await runtime.verifier.verify(token, wait_seconds=left)
        except (TokenError, KeysUnavailableError) as error:
            result = error
        outcomes.append(_Outcome(token, by_header, owner, result))
    visit.reading = _decide(outcomes, too_many=len(cookies) > MAX_COOKIES)
    return visit.reading


def fingerprint(tokens: Iterable[str]) -> str:
    """Name *tokens* so that they can be told again, and not be made from it."""
    text = "\n".join(sorted(set(tokens))).encode(errors="surrogatepass")
    return hashlib.sha256(text).hexdigest()[:32] if text else ""


def _decide(outcomes: Sequence[_Outcome], *, too_many: bool) -> Reading:
    """Decide who the guest is, and what may be done with each token."""
    guests: list[tuple[Guest, bool]] = []
    unavailable: KeysUnavailableError | None = None
    bad: list[_Outcome] = []
    for outcome in outcomes:
        if isinstance(outcome.result, Guest):
            guests.append((outcome.result, outcome.by_header))
        elif outcome.owner == "foreign":  # which needs no keys to tell
            bad.append(outcome)
        elif isinstance(outcome.result, KeysUnavailableError):
            unavailable = outcome.result
        else:
            bad.append(outcome)
            code = outcome.result.code
            logger.debug("guest token refused: %s", code)
            current().tell("verify-rejected", code, error=outcome.result)
    foreign = any(o.owner == "foreign" and not o.by_header for o in bad)
    if foreign:
        name = current().config.cookie_name
        logger.debug("the cookie %r holds a JWT that is not ours", name)
        current().tell("foreign-cookie")
    cookies = [outcome for outcome in outcomes if not outcome.by_header]
    ambiguous = too_many or len({guest.id for guest, _ in guests}) > 1
    if ambiguous:  # of two guests the header's is the visitor's: nobody can plant it
        guests = [pair for pair in guests if pair[1]]
    newest = max(
        guests,
        key=lambda pair: (pair[0].issued_at, pair[0].expires_at, pair[1]),
        default=(None, False),
    )
    clearable = all(o in bad and o.owner == "ours" for o in cookies)
    return Reading(
        guest=newest[0],
        by_header=newest[1],
        ambiguous=ambiguous,
        unavailable=unavailable,
        foreign=foreign,
        clearable=bool(cookies) and clearable,
        cookie_is_ours=any(o.owner == "ours" for o in cookies),
        header_is_ours=any(o.owner == "ours" and o.by_header for o in outcomes),
        fingerprint=fingerprint(outcome.token for outcome in outcomes),
    )
