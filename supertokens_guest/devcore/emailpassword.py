"""The emailpassword recipe."""

from __future__ import annotations

import base64
import secrets
import uuid
from typing import TYPE_CHECKING, Any

from .call import RefusalError
from .storage import (
    MailToken,
    User,
    hash_password,
    normalised_email,
    password_matches,
)
from .tokens import sha256
from .users import signed_in

if TYPE_CHECKING:
    from .call import Call
    from .state import CoreState

RECIPE_ID = "emailpassword"
# The SDK's stand-ins for users without an e-mail address; nobody could verify one.
FAKE_EMAIL_DOMAIN = "@stfakeemail.supertokens.com"
_RESET_TOKEN_VALIDITY_SECONDS = 3600


def sign_up(core: CoreState, call: Call) -> dict[str, Any]:
    """``POST /recipe/signup``."""
    email = normalised_email(call.text("email"))
    password = call.text("password")
    if not password:
        raise RefusalError(400, "Password cannot be an empty string")
    if core.storage.user_of(RECIPE_ID, "email", email) is not None:
        return {"status": "EMAIL_ALREADY_EXISTS_ERROR"}
    user = User(
        id=str(uuid.uuid4()),
        recipe_id=RECIPE_ID,
        joined_at_ms=core.now_ms(),
        email=email,
        password_hash=hash_password(password),
    )
    core.storage.add_user(user)
    if email.endswith(FAKE_EMAIL_DOMAIN):
        core.storage.verified_emails.add((user.id, email))
    return {"status": "OK", **signed_in(core, call, user)}


def sign_in(core: CoreState, call: Call) -> dict[str, Any]:
    """``POST /recipe/signin``."""
    email = normalised_email(call.text("email"))
    password = call.text("password")
    user = core.storage.user_of(RECIPE_ID, "email", email)
    kept = None if user is None else user.password_hash
    if user is None or kept is None or not password_matches(password, kept):
        return {"status": "WRONG_CREDENTIALS_ERROR"}
    return {"status": "OK", **signed_in(core, call, user)}


def update_user(core: CoreState, call: Call) -> dict[str, Any]:
    """``PUT /recipe/user``: a new e-mail address or password."""
    user_id = call.text("recipeUserId")
    email = call.text_or_none("email")
    password = call.text_or_none("password")
    if email is None and password is None:
        raise RefusalError(400, "You have to provide either email or password.")
    user = core.storage.users.get(user_id)
    if user is None or user.recipe_id != RECIPE_ID:
        return {"status": "UNKNOWN_USER_ID_ERROR"}
    if email is not None:
        email = normalised_email(email)
        owner = core.storage.user_of(RECIPE_ID, "email", email)
        if owner is not None and owner is not user:
            return {"status": "EMAIL_ALREADY_EXISTS_ERROR"}
        core.storage.forget_accounts(user)
        user.email = email
        core.storage.add_user(user)
    if password is not None:
        user.password_hash = hash_password(password)
    return {"status": "OK"}


def create_reset_token(core: CoreState, call: Call) -> dict[str, Any]:
    """``POST /recipe/user/password/reset/token``: for the mail that the app sends."""
    user_id, email = call.text("userId"), call.text("email")
    if user_id not in core.storage.users:
        return {"status": "UNKNOWN_USER_ID_ERROR"}
    token = new_mail_token()
    expires_at_ms = core.now_ms() + _RESET_TOKEN_VALIDITY_SECONDS * 1000
    kept = MailToken(user_id, email, expires_at_ms)
    core.storage.password_tokens[sha256(token)] = kept
    return {"status": "OK", "token": token}


def consume_reset_token(core: CoreState, call: Call) -> dict[str, Any]:
    """``POST /recipe/user/password/reset/token/consume``: all of the user's end."""
    tokens = core.storage.password_tokens
    kept = tokens.get(sha256(call.text("token")))
    if kept is not None:
        for name in [n for n, t in tokens.items() if t.user_id == kept.user_id]:
            del tokens[name]
    if kept is None or kept.expires_at_ms < core.now_ms():
        return {"status": "RESET_PASSWORD_INVALID_TOKEN_ERROR"}
    return {"status": "OK", "userId": kept.user_id, "email": kept.email}


def new_mail_token() -> str:
    """Return a token of 128 characters, as the core's are."""
    return base64.b64encode(secrets.token_hex(48).encode()).decode()
