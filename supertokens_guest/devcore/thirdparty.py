"""The third-party recipe: the SDK talks to the provider, the core keeps the user."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .routing import route
from .storage import Core, User, account_info
from .users import signed_in

if TYPE_CHECKING:
    from .answers import Json

RECIPE_ID = "thirdparty"


@route("POST /recipe/signinup")
def sign_in_up(
    core: Core, third_party_id: str, third_party_user_id: str, email: Json
) -> Json:
    """Sign up or in; a known user's e-mail follows the provider's."""
    info: Json = {"thirdParty": (third_party_id, third_party_user_id)}
    known = core.storage.user_of(RECIPE_ID, info)
    user = known or User(RECIPE_ID, core.now_ms())
    info |= account_info(email["id"])
    core.storage.put_user(user, info)
    if email["isVerified"]:
        core.storage.verified_emails.add((user.id, info["email"]))
    return signed_in(core, user, createdNewUser=known is None)
