"""What the claims of a guest JWT must say, so that only a guest JWT is a guest.

The core's static key signs more than guests: OAuth tokens, services' tokens, sessions
when so configured. A signature alone therefore proves nothing; these rules tell a
guest's claims from all others (RFC 8725, 3.12).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from supertokens_guest.claims import (
    AUDIENCE,
    GUEST_ID,
    MAX_LIFETIME_SECONDS,
    SESSION_CLAIMS,
)
from supertokens_guest.errors import (
    ExpiredTokenError,
    MalformedTokenError,
    NotAGuestError,
    NotYetValidTokenError,
    RevokedGuestError,
    WrongAudienceError,
    WrongIssuerError,
)
from supertokens_guest.events import shown

if TYPE_CHECKING:
    from collections.abc import Mapping

MAX_SKEW_SECONDS = 60
"""How far the core's clock may be ahead of ours."""

_END_OF_TIME = 253_402_300_800  # the year 10000, which a datetime cannot hold


@dataclass(frozen=True, kw_only=True, slots=True)
class TokenPolicy:
    """What the app accepts beyond the fixed rules.

    Attributes:
        issuers: The accepted values of ``iss``, compared exactly.
        reject_issued_before: Epoch seconds; a guest issued earlier is revoked.
    """

    issuers: frozenset[str]
    reject_issued_before: float | None = None


def check_claims(
    claims: Mapping[str, Any], policy: TokenPolicy, now: float
) -> tuple[str, float, float]:
    """Check that verified *claims* are a guest's and hold *now*.

    Returns:
        The guest's id, and when it was issued and expires, in epoch seconds.

    Raises:
        WrongAudienceError: ``aud`` is not exactly ``supertokens-guest``.
        NotAGuestError: There is a claim of a session or OAuth token, ``sub`` is not a
            guest's id, or the token lives longer than any guest's.
        WrongIssuerError: ``iss`` is none of the policy's.
        MalformedTokenError: An instant is missing, not a number or out of range.
        ExpiredTokenError: ``exp`` has passed, without leeway.
        NotYetValidTokenError: ``iat`` or ``nbf`` is too far ahead.
        RevokedGuestError: The policy withdraws guests of that age.
    """
    if claims.get("aud") != AUDIENCE:
        raise WrongAudienceError("The token's aud is not a guest's.")
    if not SESSION_CLAIMS.isdisjoint(claims):
        raise NotAGuestError("The token has claims of a session or OAuth token.")
    issuer = claims.get("iss")
    if not isinstance(issuer, str) or issuer not in policy.issuers:
        raise WrongIssuerError(f"The token's iss is {shown(issuer)}.")
    guest_id = claims.get("sub")
    if not isinstance(guest_id, str) or GUEST_ID.fullmatch(guest_id) is None:
        raise NotAGuestError(f"The token's sub is {shown(guest_id)}, no guest's.")
    issued_at, expires_at = _instant(claims, "iat"), _instant(claims, "exp")
    not_before = _instant(claims, "nbf") if "nbf" in claims else issued_at
    if expires_at - issued_at > MAX_LIFETIME_SECONDS + MAX_SKEW_SECONDS:
        raise NotAGuestError("The token lives longer than a guest's may.")
    if expires_at <= now:
        raise ExpiredTokenError("The token has expired.")
    if max(issued_at, not_before) > now + MAX_SKEW_SECONDS:
        raise NotYetValidTokenError("The token's iat or nbf is in the future.")
    if (
        policy.reject_issued_before is not None
        and issued_at < policy.reject_issued_before
    ):
        raise RevokedGuestError("Guests issued that early are not accepted any more.")
    return guest_id, issued_at, expires_at


def _instant(claims: Mapping[str, Any], name: str) -> float:
    """Return a NumericDate (RFC 7519, 2) that a clock may show.

    Cores have written them as ``1.69E9``. A boolean is an ``int`` in Python, not here.
    """
    value = claims.get(name)
    if type(value) is not int and type(value) is not float:
        raise MalformedTokenError(f"The token's {name} is missing or not a number.")
    if not 0 <= value < _END_OF_TIME:
        raise MalformedTokenError(f"The token's {name} is out of range.")
    return value
