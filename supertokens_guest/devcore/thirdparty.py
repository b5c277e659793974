"""The third-party recipe: the SDK talks to the provider, the core keeps the user."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .routing import route
from .storage import User, normalised_email
from .users import signed_in

if TYPE_CHECKING:
    from .answers import Json
    from .storage import Core

RECIPE_ID = "thirdparty"


@route("POST /recipe/signinup")
def sign_in_up(
    core: Core, third_party_id: str, third_party_user_id: str, email: Json
) -> Json:
    """Sign up or in; a known user's e-mail follows the provider's."""
    key = (third_party_id, third_party_user_id)
    user = core.storage.user_of(RECIPE_ID, "thirdParty", *key)
    is_new = user is None
    address = normalised_email(email["id"])
    if user is None:
        user = User(RECIPE_ID, core.now_ms(), third_party=key)
    else:
        core.storage.forget_info(user)
    user.email = address
    core.storage.put_user(user)
    if email["isVerified"]:
        core.storage.verified_emails.add((user.id, address))
    return signed_in(core, user, createdNewUser=is_new)
