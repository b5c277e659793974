"""Every error of the package, in one tree.

    GuestError
    ├── ConfigError                  the programmer's: raised at start, or at first use
    ├── PayloadError                 the app's: this payload cannot be a guest's
    │   └── PayloadTooLargeError     the app's, or the visitor's: the cart is full
    ├── TokenError                   the visitor's: this token is not a valid guest
    ├── GuestRefusedError            the visitor's: no guest may be set for this request
    ├── KeysUnavailableError         nobody's: no key, the token may be good
    └── CoreUnavailableError         nobody's: the core did not sign

Catch a branch for what you would do about it. No message holds a token or a payload.
"""

from typing import Any, Literal

TokenFault = Literal[
    "malformed", "bad_signature", "not_a_guest", "wrong_issuer",
    "wrong_audience", "expired", "not_yet_valid", "revoked",
]  # fmt: skip

Refusal = Literal[
    "session", "another_guest", "foreign_cookie",
    "not_allowed", "cross_site", "answered",
]  # fmt: skip


class GuestError(Exception):
    """The root: everything that this package raises on purpose."""

    code: str = "guest_error"
    """A fixed word for what happened, for logs, metrics and events."""

    def __reduce__(self) -> tuple[Any, ...]:
        """Leave the constructors out when pickled: they take other arguments."""
        return Exception.__new__, (type(self), *self.args), self.__dict__


class ConfigError(GuestError):
    """The set-up is wrong; the message says what to change."""

    code = "config"

    def __init__(self, *faults: str) -> None:
        """Say all *faults* that were found at once, one sentence each."""
        self.faults = faults
        super().__init__(" ".join(faults))


class PayloadError(GuestError):
    """A payload cannot be carried by a guest JWT unchanged."""

    code = "payload"

    def __init__(self, path: str, reason: str) -> None:
        """Say where, as in Python: ``['cart'][0]``, and why; never show the value."""
        self.path = path
        self.reason = reason
        super().__init__(f"Guest payload{path}: {reason}.")


class PayloadTooLargeError(PayloadError):
    """A good payload that takes more than 1,536 bytes: the cart is full."""

    code = "payload_too_large"


class TokenError(GuestError):
    """A token is not a valid guest JWT; what came with it must not be trusted.

    Attributes:
        code: Why. ``malformed``: not the form of a JWT that the core signs (RFC 7519,
            7.2). ``bad_signature``: no key of the core signed it as it is.
            ``not_a_guest``: a session, an OAuth token, or another JWT of the core.
            ``wrong_audience``: its ``aud`` is not ``supertokens-guest``.
            ``wrong_issuer``: another app's. ``expired``, ``not_yet_valid``: the clock
            says so. ``revoked``: issued before ``reject_issued_before``.
    """

    def __init__(self, code: TokenFault, message: str) -> None:
        """Say why in one word and in a sentence that does not quote the token."""
        self.code: TokenFault = code
        super().__init__(message)


class GuestRefusedError(GuestError):
    """No guest may be set for this request; whatever guest there is stays.

    Attributes:
        code: Why. ``session``: the visitor is logged in, or was. ``another_guest``: one
            came, or one that cannot be judged now. ``foreign_cookie``: somebody else's
            JWT came. ``not_allowed``: by the ``issue`` function, or cookies may have
            been withheld. ``cross_site``: another site started an unsafe request.
            ``answered``: the answer has begun, so that it can carry no guest.
    """

    def __init__(self, code: Refusal, message: str) -> None:
        """Say why in one word and in a sentence."""
        self.code: Refusal = code
        super().__init__(message)


class KeysUnavailableError(GuestError):
    """No public key could be had in time; the token may be good: keep it, ask later."""

    code = "keys_unavailable"


class CoreUnavailableError(GuestError):
    """The core did not sign a guest JWT; the cause is chained. Safe to try again."""

    code = "core_unavailable"
