"""The emailpassword recipe, and the change of a user that it shares."""

from __future__ import annotations

import hashlib
import secrets

from .answers import Json, refusal
from .routing import RecordedRequest, route
from .storage import Core, User, account_info
from .users import signed_in

RECIPE_ID = "emailpassword"
# The SDK's stand-ins for users without an e-mail address; nobody could verify one.
FAKE_EMAIL_DOMAIN = "@stfakeemail.supertokens.com"


@route("POST /recipe/signup")
def sign_up(core: Core, email: str, password: str) -> Json:
    """Make a user."""
    info = account_info(email)
    if not password:
        raise refusal(400, "Password cannot be an empty string")
    if core.storage.user_of(RECIPE_ID, info) is not None:
        return {"status": "EMAIL_ALREADY_EXISTS_ERROR"}
    user = User(RECIPE_ID, core.now_ms(), _hash(password))
    core.storage.put_user(user, info)
    if info["email"].endswith(FAKE_EMAIL_DOMAIN):
        core.storage.verified_emails.add((user.id, info["email"]))
    return signed_in(core, user)


@route("POST /recipe/signin")
def sign_in(core: Core, email: str, password: str) -> Json:
    """Check a password."""
    user = core.storage.user_of(RECIPE_ID, account_info(email))
    if user is None or not _matches(password, user.password_hash):
        return {"status": "WRONG_CREDENTIALS_ERROR"}
    return signed_in(core, user)


@route("PUT /recipe/user", tenants="app")
def update_user(
    core: Core,
    request: RecordedRequest,
    recipe_user_id: str,
    password: str | None = None,
) -> Json:
    """Change a user of the recipe in the header ``rid``: this one, or passwordless.

    E-mail address and phone number are those of the body; passwordless has both, and
    null removes one of them.
    """
    recipe_id = request.headers.get("rid", RECIPE_ID)
    has_phone = recipe_id != RECIPE_ID
    names = {"email", "phoneNumber"} if has_phone else {"email"}
    given = {name: v for name, v in request.json.items() if name in names}
    for name, value in given.items():
        if not isinstance(value, str) and not (has_phone and value is None):
            raise refusal(400, f"Field name '{name}' is invalid in JSON input")
    if not (given or password or has_phone):
        raise refusal(400, "You have to provide either email or password.")
    user = core.storage.users.get(recipe_user_id)
    if user is None or user.recipe_id != recipe_id:
        return {"status": "UNKNOWN_USER_ID_ERROR"}
    changes = account_info(given.get("email"), given.get("phoneNumber"))
    for name, value in changes.items():
        if core.storage.user_of(user.recipe_id, {name: value}) not in {None, user}:
            word = "EMAIL" if name == "email" else "PHONE_NUMBER"
            return {"status": f"{word}_ALREADY_EXISTS_ERROR"}
    kept = {name: user.info[name] for name in user.info.keys() - given.keys()}
    if not kept | changes:
        message = "You cannot clear both email and phone number of a user"
        raise refusal(400, message)
    core.storage.put_user(user, kept | changes)
    if password is not None:
        user.password_hash = _hash(password)
    return {}


@route("POST /recipe/user/password/reset/token")
def create_reset_token(core: Core, user_id: str, email: str) -> Json:
    """Make a token for the mail that the app sends."""
    if user_id not in core.storage.users:
        return {"status": "UNKNOWN_USER_ID_ERROR"}
    token = core.storage.password_tokens.make(core, user_id, email)
    return {"token": token}


@route("POST /recipe/user/password/reset/token/consume")
def consume_reset_token(core: Core, token: str) -> Json:
    """Say whose new password it is; the app sets it."""
    found = core.storage.password_tokens.use(core, token)
    if found is None:
        return {"status": "RESET_PASSWORD_INVALID_TOKEN_ERROR"}
    return {"userId": found.user_id, "email": found.email}


def _hash(password: str, salt: bytes | None = None) -> bytes:
    """Return salt and digest of a password.

    A real core takes 100 ms with bcrypt or Argon2. A test double that signs up
    thousands cannot; it keeps no plain text all the same.
    """
    salt = salt or secrets.token_bytes(16)
    return salt + hashlib.sha256(salt + password.encode("utf-8", "replace")).digest()


def _matches(password: str, kept: bytes) -> bool:
    return secrets.compare_digest(_hash(password, kept[:16]), kept)
