"""Every error of the package, in one tree.

    GuestError
    ├── ConfigError                  the programmer's: raised at start, or at first use
    ├── PayloadError                 the app's: this payload cannot be a guest's
    │   └── PayloadTooLargeError
    ├── TokenError                   the visitor's: this token is not a valid guest
    │   ├── MalformedTokenError
    │   ├── BadSignatureError
    │   ├── NotAGuestError
    │   ├── WrongIssuerError
    │   ├── WrongAudienceError
    │   ├── ExpiredTokenError
    │   ├── NotYetValidTokenError
    │   └── RevokedGuestError
    ├── KeysUnavailableError         nobody's: no key, the token may be good
    └── CoreUnavailableError         nobody's: the core did not sign

Catch a branch for what you would do about it: fix the code, refuse the payload, treat
the visitor as new, or try again later. No message holds a token or a payload.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from collections.abc import Sequence


class GuestError(Exception):
    """The root: everything that this package raises on purpose.

    Attributes:
        code: A fixed word for the kind of error, for logs, metrics and events.
    """

    code: ClassVar[str] = "guest_error"


class ConfigError(GuestError):
    """The set-up is wrong; the message says what to change.

    Attributes:
        faults: Every fault that was found, one sentence each.
    """

    code = "config"

    def __init__(self, *faults: str) -> None:
        """Join *faults* into one message, so that all are seen at once."""
        self.faults: Sequence[str] = faults
        super().__init__(" ".join(faults))


class PayloadError(GuestError):
    """A payload cannot be carried by a guest JWT unchanged.

    Attributes:
        path: Where in the payload, as one would write it in Python: ``['cart'][0]``;
            empty for the payload as a whole.
        reason: Why, as a clause without a final stop.
    """

    code = "payload"

    def __init__(self, path: str, reason: str) -> None:
        """Name the place and the reason; the value itself is never shown."""
        self.path = path
        self.reason = reason
        super().__init__(f"Guest payload{path}: {reason}.")


class PayloadTooLargeError(PayloadError):
    """A good payload that takes more than ``max_payload_bytes``: the cart is full."""

    code = "payload_too_large"


class TokenError(GuestError):
    """A token is not a valid guest JWT; what came with it must not be trusted."""

    code = "invalid"


class MalformedTokenError(TokenError):
    """The token does not have the form of a JWT that the core signs (RFC 7519, 7.2)."""

    code = "malformed"


class BadSignatureError(TokenError):
    """No key of the core signed this token, or what it says was changed since."""

    code = "bad_signature"


class NotAGuestError(TokenError):
    """A JWT of this core that is something else: a session, an OAuth token."""

    code = "not_a_guest"


class WrongIssuerError(TokenError):
    """A guest JWT of another app: its ``iss`` is not this app's."""

    code = "wrong_issuer"


class WrongAudienceError(NotAGuestError):
    """The ``aud`` claim is missing or is not ``supertokens-guest``."""

    code = "wrong_audience"


class ExpiredTokenError(TokenError):
    """The guest's ``exp`` has passed."""

    code = "expired"


class NotYetValidTokenError(TokenError):
    """The token's ``iat`` or ``nbf`` lies further ahead than clocks may differ."""

    code = "not_yet_valid"


class RevokedGuestError(TokenError):
    """The guest was withdrawn: ``reject_issued_before`` or ``is_revoked`` says so."""

    code = "revoked"


class KeysUnavailableError(GuestError):
    """No public key could be had in time, so nothing can be said about the token.

    It may be good: keep it, serve the visitor, and ask again later.
    """

    code = "keys_unavailable"


class CoreUnavailableError(GuestError):
    """The core did not sign a guest JWT; the cause is chained. Safe to try again."""

    code = "core_unavailable"
