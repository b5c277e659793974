"""Guest sessions for SuperTokens: a visitor's data survives the sign-up.

``guest_override`` goes into ``session.init``, or ``guest_plugin`` into the SDK's
plugins. Middleware and guard are in ``supertokens_guest.fastapi``, ``.flask`` and
``.django``; the functions for views in ``.asyncio`` and ``.syncio``.
"""

from supertokens_guest._tokens.verifying import GuestVerifier
from supertokens_guest._transfer.handover import without_guest_transfer
from supertokens_guest._web.answers import clear_guest_cookie, set_guest_cookie
from supertokens_guest.config import GuestConfig
from supertokens_guest.errors import (
    ConfigError,
    CoreUnavailableError,
    GuestError,
    GuestRefusedError,
    KeysUnavailableError,
    PayloadError,
    PayloadTooLargeError,
    TokenError,
)
from supertokens_guest.events import GuestEvent
from supertokens_guest.guest import Guest, GuestTransfer, Visitor
from supertokens_guest.override import guest_override, guest_plugin

__all__ = [
    "ConfigError", "CoreUnavailableError", "Guest", "GuestConfig", "GuestError",
    "GuestEvent", "GuestRefusedError", "GuestTransfer", "GuestVerifier",
    "KeysUnavailableError", "PayloadError", "PayloadTooLargeError", "TokenError",
    "Visitor", "clear_guest_cookie", "guest_override", "guest_plugin",
    "set_guest_cookie", "without_guest_transfer",
]  # fmt: skip
