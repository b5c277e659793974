"""The e-mail verification recipe."""

from __future__ import annotations

from .answers import Json, refusal
from .routing import route
from .storage import Core, normalised_email


@route("GET /recipe/user/email/verify", tenants="app")
def is_verified(core: Core, user_id: str, email: str) -> Json:
    """Say whether a user's address is verified."""
    is_verified = (user_id, email) in core.storage.verified_emails
    return {"isVerified": is_verified}


@route("POST /recipe/user/email/verify/token")
def create_token(core: Core, user_id: str, email: str) -> Json:
    """Make a token for the mail that the app sends."""
    email = normalised_email(email)
    if (user_id, email) in core.storage.verified_emails:
        return {"status": "EMAIL_ALREADY_VERIFIED_ERROR"}
    token = core.storage.verification_tokens.make(core, user_id, email)
    return {"token": token}


@route("POST /recipe/user/email/verify")
def verify(core: Core, method: str, token: str) -> Json:
    """Use a token, which ends all for the address."""
    if method != "token":
        raise refusal(400, "Unsupported method for email verification")
    found = core.storage.verification_tokens.use(core, token)
    if found is None:
        return {"status": "EMAIL_VERIFICATION_INVALID_TOKEN_ERROR"}
    core.storage.verified_emails.add((found.user_id, found.email))
    return {"userId": found.user_id, "email": found.email}


@route("POST /recipe/user/email/verify/token/remove")
def remove_tokens(core: Core, user_id: str, email: str) -> Json:
    """End all tokens for an address."""
    core.storage.verification_tokens.forget(user_id, normalised_email(email))
    return {}


@route("POST /recipe/user/email/verify/remove", tenants="app")
def unverify(core: Core, user_id: str, email: str) -> Json:
    """Take an address for not verified."""
    core.storage.verified_emails.discard((user_id, normalised_email(email)))
    return {}
