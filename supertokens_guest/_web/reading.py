"""Who the guest of a request is, when it may bring several tokens, some of them bad.

Sync and async callers verify each token in their own way and decide here.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from supertokens_guest.claims import AUDIENCE
from supertokens_guest.errors import KeysUnavailableError, TokenError
from supertokens_guest.events import logger
from supertokens_guest.guest import Guest
from supertokens_guest.requests import MAX_TOKENS, guest_tokens
from supertokens_guest.tokens import claimed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from supertokens_python.framework.request import BaseRequest

    from supertokens_guest.runtime import Runtime

Outcome = Guest | TokenError | KeysUnavailableError


@dataclass(frozen=True, kw_only=True, slots=True)
class Reading:
    """What the guest cookies of a request came to.

    Attributes:
        guest: The guest, when there is exactly one.
        ambiguous: Whether two valid guests came, or more tokens than a browser sends by
            itself: somebody planted one.
        unavailable: Why nothing can be said about a token now; it must be kept.
        clearable: Whether all that came is ours and no good, so that it may be cleared:
            clearing a name could take another cookie than the one that is meant.
    """

    guest: Guest | None = None
    ambiguous: bool = False
    unavailable: KeysUnavailableError | None = None
    clearable: bool = False


TOO_MANY = Reading(ambiguous=True)


async def read(
    runtime: Runtime, request: BaseRequest, *, wait_seconds: float
) -> Reading:
    """Verify the guest cookies of *request*, waiting at most so long for keys."""
    tokens = guest_tokens(request, runtime.config.cookie_name)
    if len(tokens) > MAX_TOKENS:
        return TOO_MANY
    outcomes: list[tuple[str, Outcome]] = []
    budget = _Budget(wait_seconds)
    for token in tokens:
        outcome: Outcome
        try:
            outcome = await runtime.verifier.verify(token, wait_seconds=budget.left())
        except (TokenError, KeysUnavailableError) as error:
            outcome = error
        outcomes.append((token, outcome))
    return _decide(runtime, outcomes)


def read_sync(
    runtime: Runtime, request: BaseRequest, *, wait_seconds: float
) -> Reading:
    """Do the same where nothing can be awaited."""
    tokens = guest_tokens(request, runtime.config.cookie_name)
    if len(tokens) > MAX_TOKENS:
        return TOO_MANY
    outcomes: list[tuple[str, Outcome]] = []
    budget = _Budget(wait_seconds)
    for token in tokens:
        outcome: Outcome
        try:
            outcome = runtime.verifier.verify_sync(token, wait_seconds=budget.left())
        except (TokenError, KeysUnavailableError) as error:
            outcome = error
        outcomes.append((token, outcome))
    return _decide(runtime, outcomes)


def is_ours(runtime: Runtime, token: str) -> bool:
    """Tell whether *token* says that it is a guest of this app, be it true or not."""
    return claimed(token) == (AUDIENCE, runtime.issuer)


def says_guest(token: str) -> bool:
    """Tell whether *token* says that it is a guest, of whichever app.

    One from before this app's API moved must not be in the way of a new one.
    """
    claims = claimed(token)
    return claims is not None and bool(claims.audience == AUDIENCE)


def is_foreign(token: str) -> bool:
    """Tell whether *token* is a readable JWT that does not say that it is a guest."""
    return claimed(token) is not None and not says_guest(token)


class _Budget:
    """The time that all tokens of one request may wait for keys together."""

    def __init__(self, seconds: float) -> None:
        self._ends_at = time.monotonic() + seconds

    def left(self) -> float:
        """Return the seconds that are left, never below zero."""
        return max(0.0, self._ends_at - time.monotonic())


def _decide(runtime: Runtime, outcomes: Sequence[tuple[str, Outcome]]) -> Reading:
    """Decide who the guest is, and what may be done with each token."""
    guests: list[Guest] = []
    unavailable: KeysUnavailableError | None = None
    foreign = False
    useless = 0
    for token, outcome in outcomes:
        if isinstance(outcome, Guest):
            guests.append(outcome)
        elif isinstance(outcome, KeysUnavailableError):
            unavailable = outcome
        elif is_foreign(token):
            foreign = True
        else:
            useless += is_ours(runtime, token)
            tell_rejected(runtime, outcome)
    if foreign:
        tell_foreign(runtime)
    ambiguous = len({guest.id for guest in guests}) > 1
    return Reading(
        guest=None if ambiguous or not guests else max(guests, key=_age_rank),
        ambiguous=ambiguous,
        unavailable=unavailable,
        clearable=0 < useless == len(outcomes),
    )


def _age_rank(guest: Guest) -> tuple[float, float]:
    """Rank tokens of one guest: the newest counts, then the one that lives longer."""
    return guest.issued_at.timestamp(), guest.expires_at.timestamp()


def tell_rejected(
    runtime: Runtime, error: TokenError, guest: Guest | None = None
) -> None:
    """Report a token that is no good; never the token itself."""
    logger.debug("guest cookie refused: %s", error.code)
    runtime.tell("verify-rejected", error.code, guest=guest, error=error)


def tell_foreign(runtime: Runtime) -> None:
    """Report that another JWT has our cookie's name, so that guests cannot hold."""
    logger.debug(
        "the cookie %r holds a JWT that is not ours", runtime.config.cookie_name
    )
    runtime.tell("foreign-cookie")
