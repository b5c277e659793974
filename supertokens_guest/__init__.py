"""Guest sessions for SuperTokens: a visitor's data survives the sign-up.

``guest_override`` goes into ``session.init``; the functions for routes are in
``supertokens_guest.asyncio`` and ``supertokens_guest.syncio``, the cookie's for FastAPI
in ``supertokens_guest.fastapi``.
"""

from supertokens_guest.config import GuestConfig
from supertokens_guest.errors import (
    BadSignatureError,
    ConfigError,
    CoreUnavailableError,
    ExpiredTokenError,
    GuestError,
    KeysUnavailableError,
    MalformedTokenError,
    NotAGuestError,
    NotYetValidTokenError,
    PayloadError,
    PayloadTooLargeError,
    RevokedGuestError,
    TokenError,
    WrongAudienceError,
    WrongIssuerError,
)
from supertokens_guest.events import GuestEvent
from supertokens_guest.guest import Guest, GuestTransfer
from supertokens_guest.handover import without_guest_transfer
from supertokens_guest.override import guest_override
from supertokens_guest.verification import GuestVerifier

__all__ = [
    "BadSignatureError",
    "ConfigError",
    "CoreUnavailableError",
    "ExpiredTokenError",
    "Guest",
    "GuestConfig",
    "GuestError",
    "GuestEvent",
    "GuestTransfer",
    "GuestVerifier",
    "KeysUnavailableError",
    "MalformedTokenError",
    "NotAGuestError",
    "NotYetValidTokenError",
    "PayloadError",
    "PayloadTooLargeError",
    "RevokedGuestError",
    "TokenError",
    "WrongAudienceError",
    "WrongIssuerError",
    "guest_override",
    "without_guest_transfer",
]
