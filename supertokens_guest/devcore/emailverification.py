"""The e-mail verification recipe."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .call import RefusalError
from .emailpassword import new_mail_token
from .storage import MailToken, normalised_email
from .tokens import sha256

if TYPE_CHECKING:
    from .call import Call
    from .state import CoreState

_TOKEN_VALIDITY_SECONDS = 24 * 3600


def is_verified(core: CoreState, call: Call) -> dict[str, Any]:
    """``GET /recipe/user/email/verify``."""
    pair = (call.parameter("userId"), call.parameter("email"))
    return {"status": "OK", "isVerified": pair in core.storage.verified_emails}


def create_token(core: CoreState, call: Call) -> dict[str, Any]:
    """``POST /recipe/user/email/verify/token``: for the mail that the app sends."""
    user_id, email = _pair(call)
    if (user_id, email) in core.storage.verified_emails:
        return {"status": "EMAIL_ALREADY_VERIFIED_ERROR"}
    token = new_mail_token()
    expires_at_ms = core.now_ms() + _TOKEN_VALIDITY_SECONDS * 1000
    kept = MailToken(user_id, email, expires_at_ms)
    core.storage.verification_tokens[sha256(token)] = kept
    return {"status": "OK", "token": token}


def verify(core: CoreState, call: Call) -> dict[str, Any]:
    """``POST /recipe/user/email/verify``: all tokens for the address end."""
    if call.text("method") != "token":
        raise RefusalError(400, "Unsupported method for email verification")
    tokens = core.storage.verification_tokens
    kept = tokens.get(sha256(call.text("token")))
    if kept is not None:
        _forget_tokens(core, kept.user_id, kept.email)
    if kept is None or kept.expires_at_ms < core.now_ms():
        return {"status": "EMAIL_VERIFICATION_INVALID_TOKEN_ERROR"}
    core.storage.verified_emails.add((kept.user_id, kept.email))
    return {"status": "OK", "userId": kept.user_id, "email": kept.email}


def remove_tokens(core: CoreState, call: Call) -> dict[str, Any]:
    """``POST /recipe/user/email/verify/token/remove``."""
    _forget_tokens(core, *_pair(call))
    return {"status": "OK"}


def unverify(core: CoreState, call: Call) -> dict[str, Any]:
    """``POST /recipe/user/email/verify/remove``."""
    core.storage.verified_emails.discard(_pair(call))
    return {"status": "OK"}


def _pair(call: Call) -> tuple[str, str]:
    return (call.text("userId"), normalised_email(call.text("email")))


def _forget_tokens(core: CoreState, user_id: str, email: str) -> None:
    tokens = core.storage.verification_tokens
    for name, kept in list(tokens.items()):
        if (kept.user_id, kept.email) == (user_id, email):
            del tokens[name]
