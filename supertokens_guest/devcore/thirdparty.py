"""The third-party recipe: the SDK talks to the provider, the core keeps the user."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

from .storage import User, normalised_email
from .users import signed_in

if TYPE_CHECKING:
    from .call import Call
    from .state import CoreState

RECIPE_ID = "thirdparty"


def sign_in_up(core: CoreState, call: Call) -> dict[str, Any]:
    """``POST /recipe/signinup``: a known user's e-mail follows the provider's."""
    key = (call.text("thirdPartyId"), call.text("thirdPartyUserId"))
    given = call.nested("email")
    email = normalised_email(given.text("id"))
    is_verified = given.flag("isVerified")
    user = core.storage.user_of(RECIPE_ID, "thirdParty", *key)
    is_new = user is None
    if user is None:
        user = User(str(uuid.uuid4()), RECIPE_ID, core.now_ms(), third_party=key)
    else:
        core.storage.forget_accounts(user)
    user.email = email
    core.storage.add_user(user)
    if is_verified:
        core.storage.verified_emails.add((user.id, email))
    answer = {"status": "OK", "createdNewUser": is_new}
    return {**answer, **signed_in(core, call, user)}
