"""Who the guest of a request is, when it may bring several tokens, some of them bad."""

import hashlib
import time
from collections.abc import Iterable
from typing import NamedTuple

from supertokens_guest._background import run_blocking
from supertokens_guest._runtime import current
from supertokens_guest._tokens.rules import ownership
from supertokens_guest._web.requests import MAX_COOKIES, Reading, Visit
from supertokens_guest.errors import KeysUnavailableError, TokenError
from supertokens_guest.events import logger
from supertokens_guest.guest import Guest


class _Token(NamedTuple):
    text: str
    by_header: bool
    owner: str
    result: Guest | TokenError | KeysUnavailableError


async def read(visit: Visit, wait_seconds: float) -> Reading:
    """Verify the guest tokens of a request, waiting at most so long for keys.

    A request is read once; what it cannot tell now, for want of keys, it may ask again.
    """
    if visit.reading is not None and visit.reading.unavailable is None:
        return visit.reading
    runtime, ends_at = current(), time.monotonic() + wait_seconds
    cookies, header = visit.guest_tokens(runtime.config.cookie_name)
    brought = [(text, False) for text in cookies[:MAX_COOKIES]]
    brought += [] if header is None else [(header, True)]
    tokens = []
    for text, by_header in brought:
        owner = ownership(text, runtime.issuer)
        left = 0.0 if owner == "foreign" else max(0.0, ends_at - time.monotonic())
        result: Guest | TokenError | KeysUnavailableError
        try:
            result = await runtime.verifier.verify(text, wait_seconds=left)
        except (TokenError, KeysUnavailableError) as error:
            result = error
        tokens.append(_Token(text, by_header, owner, result))
    visit.reading = _decide(tokens, too_many=len(cookies) > MAX_COOKIES)
    return visit.reading


def read_now(visit: Visit) -> Reading:
    """Read what can be told without waiting for keys."""
    return run_blocking(read(visit, wait_seconds=0))


def _decide(tokens: list[_Token], *, too_many: bool) -> Reading:
    """Decide who the guest is, and what may be done with each token."""
    guests: list[tuple[Guest, bool]] = []
    bad: list[_Token] = []
    unavailable = None
    for token in tokens:
        if isinstance(token.result, Guest):
            guests.append((token.result, token.by_header))
        elif token.owner == "foreign":  # which needs no keys to tell
            bad.append(token)
        elif isinstance(token.result, KeysUnavailableError):
            unavailable = token.result
        else:
            bad.append(token)
            code = token.result.code
            logger.debug("guest token refused: %s", code)
            current().tell("verify-rejected", code, error=token.result)
    foreign = any(token.owner == "foreign" and not token.by_header for token in bad)
    if foreign:
        name = current().config.cookie_name
        logger.debug("the cookie %r holds a JWT that is not ours", name)
        current().tell("foreign-cookie")
    ambiguous = too_many or len({guest.id for guest, _ in guests}) > 1
    if ambiguous:  # of two guests the header's is the visitor's: nobody can plant it
        guests = [pair for pair in guests if pair[1]]
    guests.sort(key=lambda pair: (pair[0].issued_at, pair[0].expires_at, pair[1]))
    guest, by_header = guests[-1] if guests else (None, False)
    cookies = [token for token in tokens if not token.by_header]
    ours = [token for token in tokens if token.owner == "ours"]
    return Reading(
        guest=guest,
        by_header=by_header,
        ambiguous=ambiguous,
        unavailable=unavailable,
        foreign=foreign,
        # Clearing a name could take another cookie than is meant.
        clearable=bool(cookies) and all(t in bad and t in ours for t in cookies),
        cookie_is_ours=any(not token.by_header for token in ours),
        header_is_ours=any(token.by_header for token in ours),
        fingerprint=fingerprint(token.text for token in tokens),
    )


def fingerprint(tokens: Iterable[str]) -> str:
    """Name *tokens* so that they can be told again, and not be made from it."""
    text = "\n".join(sorted(set(tokens))).encode(errors="surrogatepass")
    return hashlib.sha256(text).hexdigest()[:32] if text else ""
