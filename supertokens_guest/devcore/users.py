"""Users of all recipes: find, list, count and remove them."""

from __future__ import annotations

import base64
import binascii
from typing import TYPE_CHECKING, Any

from .call import RefusalError
from .storage import normalised_email, normalised_phone_number

if TYPE_CHECKING:
    from .call import Call
    from .state import CoreState
    from .storage import User

RECIPE_IDS = frozenset(
    {
        "emailpassword",
        "thirdparty",
        "passwordless",
        "webauthn",
        "session",
        "emailverification",
        "jwt",
        "usermetadata",
        "userroles",
        "useridmapping",
        "dashboard",
        "totp",
        "multitenancy",
        "accountlinking",
        "mfa",
        "oauth",
    }
)
_DEFAULT_LIMIT, _MAX_LIMIT = 100, 500
_WEBAUTHN_SINCE = (5, 3)


def user_json(core: CoreState, call: Call, user: User) -> dict[str, Any]:
    """Return a user as every answer shows it."""
    third_party = user.third_party and {
        "id": user.third_party[0],
        "userId": user.third_party[1],
    }
    is_verified = (
        user.email is None or (user.id, user.email) in core.storage.verified_emails
    )
    method: dict[str, Any] = {
        "tenantIds": ["public"],
        "recipeUserId": user.id,
        "verified": is_verified,
        "timeJoined": user.joined_at_ms,
        "recipeId": user.recipe_id,
    }
    if user.email is not None:
        method["email"] = user.email
    if user.phone_number is not None:
        method["phoneNumber"] = user.phone_number
    if third_party is not None:
        method["thirdParty"] = third_party
    shown: dict[str, Any] = {
        "id": user.id,
        "isPrimaryUser": False,
        "tenantIds": ["public"],
        "timeJoined": user.joined_at_ms,
        "emails": [] if user.email is None else [user.email],
        "phoneNumbers": [] if user.phone_number is None else [user.phone_number],
        "thirdParty": [] if third_party is None else [third_party],
    }
    if call.version >= _WEBAUTHN_SINCE:
        shown["webauthn"] = {"credentialIds": []}
    return {**shown, "loginMethods": [method]}


def signed_in(core: CoreState, call: Call, user: User) -> dict[str, Any]:
    """Return what follows ``"status": "OK"`` when *user* signed up or in."""
    return {"user": user_json(core, call, user), "recipeUserId": user.id}


def by_id(core: CoreState, call: Call) -> dict[str, Any]:
    """``GET /user/id``: one user."""
    user = core.storage.users.get(call.parameter("userId"))
    if user is None:
        return {"status": "UNKNOWN_USER_ID_ERROR"}
    return {"status": "OK", "user": user_json(core, call, user)}


def by_account_info(core: CoreState, call: Call) -> dict[str, Any]:
    """``GET /users/by-accountinfo``: whose any, or all, of the given info is."""
    union = call.parameter("doUnionOfAccountInfo")
    if union not in {"true", "false"}:
        raise RefusalError(
            400, "'doUnionOfAccountInfo' should be either 'true' or 'false'"
        )
    third_party = [call.query.get(n) for n in ("thirdPartyId", "thirdPartyUserId")]
    if third_party.count(None) == 1:
        raise RefusalError(
            400,
            "If 'thirdPartyId' is provided, 'thirdPartyUserId' must also be provided, "
            "and vice versa",
        )
    keys: list[tuple[str, ...]] = []
    if "email" in call.query:
        keys.append(("email", normalised_email(call.query["email"])))
    if "phoneNumber" in call.query:
        keys.append(("phoneNumber", normalised_phone_number(call.query["phoneNumber"])))
    if third_party[0] is not None and third_party[1] is not None:
        keys.append(("thirdParty", third_party[0], third_party[1]))
    found = [core.storage.users_with(*key) for key in keys]
    ids = [set(users) for users in found]
    wanted = (
        set.union(set(), *ids) if union == "true" else set.intersection(*ids or [set()])
    )
    users = sorted(
        (core.storage.users[i] for i in wanted), key=lambda u: u.joined_at_ms
    )
    return {"status": "OK", "users": [user_json(core, call, user) for user in users]}


def listed(core: CoreState, call: Call) -> dict[str, Any]:
    """``GET /users``: a page, whose token names the first user of the next one."""
    recipes = _recipes(call)
    order = call.query.get("timeJoinedOrder", "ASC")
    if order not in {"ASC", "DESC"}:
        raise RefusalError(400, "timeJoinedOrder can be either ASC OR DESC")
    limit = _limit(call)
    users = [
        user
        for user in core.storage.users.values()
        if not recipes or user.recipe_id in recipes
    ]
    users.sort(key=_position, reverse=order == "DESC")
    if "paginationToken" in call.query:
        start = _read_page_token(call.query["paginationToken"])
        is_before = _is_after if order == "DESC" else _is_before
        users = [user for user in users if not is_before(_position(user), start)]
    shown = [user_json(core, call, user) for user in users[:limit]]
    answer: dict[str, Any] = {"status": "OK", "users": shown}
    if len(users) > limit:
        answer["nextPaginationToken"] = _page_token(users[limit])
    return answer


def count(core: CoreState, call: Call) -> dict[str, Any]:
    """``GET /users/count``: of all recipes, or of those named."""
    recipes = _recipes(call)
    users = core.storage.users.values()
    total = sum(1 for user in users if not recipes or user.recipe_id in recipes)
    return {"status": "OK", "count": total}


def remove(core: CoreState, call: Call) -> dict[str, Any]:
    """``POST /user/remove``: a user and all that belongs to it; OK without one."""
    user_id = call.text("userId")
    call.flag_or_none("removeAllLinkedAccounts")
    core.storage.remove_user(user_id)
    return {"status": "OK"}


def _recipes(call: Call) -> list[str]:
    names = [name.lower() for name in call.names("includeRecipeIds")]
    for name in names:
        if name not in RECIPE_IDS:
            raise RefusalError(400, f"Unknown recipe ID: {name}")
    return names


def _limit(call: Call) -> int:
    try:
        limit = int(call.query.get("limit", _DEFAULT_LIMIT))
    except ValueError:
        message = "Field name 'limit' must be an int in the GET request"
        raise RefusalError(400, message) from None
    if limit > _MAX_LIMIT:
        raise RefusalError(400, "max limit allowed is 500")
    if limit < 1:
        raise RefusalError(400, "limit must a positive integer with min value 1")
    return limit


def _position(user: User) -> tuple[int, str]:
    return (user.joined_at_ms, user.id)


def _is_before(position: tuple[int, str], start: tuple[int, str]) -> bool:
    return position < start


def _is_after(position: tuple[int, str], start: tuple[int, str]) -> bool:
    return position > start


def _page_token(user: User) -> str:
    return base64.b64encode(f"{user.id};{user.joined_at_ms}".encode()).decode()


def _read_page_token(token: str) -> tuple[int, str]:
    try:
        user_id, joined_at_ms = base64.b64decode(token).decode().split(";")
        return (int(joined_at_ms), user_id)
    except (ValueError, binascii.Error):
        raise RefusalError(400, "invalid pagination token") from None
