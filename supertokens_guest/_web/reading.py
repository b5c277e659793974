"""Who the guest of a request is, when it may bring several tokens, some of them bad."""

import hashlib
import time
from collections.abc import Iterable

from supertokens_guest._background import run_blocking
from supertokens_guest._runtime import current
from supertokens_guest._tokens.rules import ownership
from supertokens_guest._web.requests import MAX_COOKIES, Reading, Visit
from supertokens_guest.errors import KeysUnavailableError, TokenError
from supertokens_guest.events import logger
from supertokens_guest.guest import Guest


async def read(visit: Visit, *, wait_seconds: float | None = None) -> Reading:
    """Verify the guest tokens of a request, waiting at most so long for keys.

    A request is read once; what it cannot tell now, for want of keys, it may ask again.
    """
    if visit.reading is not None and visit.reading.unavailable is None:
        return visit.reading
    runtime = current()
    limit = runtime.wait_seconds if wait_seconds is None else wait_seconds
    ends_at = time.monotonic() + limit
    cookies, header = visit.guest_tokens(runtime.config.cookie_name)
    tokens = [(token, False) for token in cookies[:MAX_COOKIES]]
    tokens += [] if header is None else [(header, True)]
    owners = [
        (ownership(token, runtime.issuer), is_header) for token, is_header in tokens
    ]
    guests: list[tuple[Guest, bool]] = []
    bad, unavailable = [], None
    for (token, by_header), owner in zip(tokens, owners, strict=True):
        if owner[0] == "foreign":  # which needs no keys to tell
            continue
        left = max(0.0, ends_at - time.monotonic())
        try:
            guest = await runtime.verifier.verify(token, wait_seconds=left)
            guests.append((guest, by_header))
        except KeysUnavailableError as error:
            unavailable = error
        except TokenError as error:
            bad.append(owner)
            logger.debug("guest token refused: %s", error.code)
            runtime.tell("verify-rejected", error.code, error=error)
    if ("foreign", False) in owners:
        name = runtime.config.cookie_name
        logger.debug("the cookie %r holds a JWT that is not ours", name)
        runtime.tell("foreign-cookie")
    ambiguous = len(cookies) > MAX_COOKIES or len({guest.id for guest, _ in guests}) > 1
    if ambiguous:  # of two guests the header's is the visitor's: nobody can plant it
        guests = [pair for pair in guests if pair[1]]
    guests.sort(key=lambda pair: (pair[0].issued_at, pair[0].expires_at, pair[1]))
    newest, by_header = guests[-1] if guests else (None, False)
    visit.reading = Reading(
        guest=newest,
        by_header=by_header,
        ambiguous=ambiguous,
        unavailable=unavailable,
        foreign=("foreign", False) in owners,
        # Clearing a name could take another cookie than is meant.
        clearable=0 < bad.count(("ours", False)) == len(cookies),
        cookie_is_ours=("ours", False) in owners,
        header_is_ours=("ours", True) in owners,
        fingerprint=fingerprint(token for token, _ in tokens),
    )
    return visit.reading


def read_now(visit: Visit) -> Reading:
    """Read what can be told without waiting for keys."""
    return run_blocking(read(visit, wait_seconds=0))


def fingerprint(tokens: Iterable[str]) -> str:
    """Name *tokens* so that they can be told again, and not be made from it."""
    text = "\n".join(sorted(set(tokens))).encode(errors="surrogatepass")
    return hashlib.sha256(text).hexdigest()[:32] if text else ""
