"""Users of all recipes: find, list, count, change and remove them."""

from __future__ import annotations

import base64
import operator
from typing import TYPE_CHECKING, Any

from .answers import Json, refusal
from .routing import PUBLIC, route
from .storage import Core, User, account_info

if TYPE_CHECKING:
    from collections.abc import Mapping

RECIPE_IDS = (
    *("emailpassword", "thirdparty", "passwordless", "webauthn", "session"),
    *("emailverification", "jwt", "usermetadata", "userroles", "useridmapping"),
    *("dashboard", "totp", "multitenancy", "accountlinking", "mfa", "oauth"),
)
SEARCH_TAGS = ("email", "phone", "provider")
_MAX_LIMIT = 500


def signed_in(core: Core, user: User, **more: Any) -> Json:
    """Answer that *user* signed up or in."""
    return {
        "user": user_json(core, user),
        "recipeUserId": user.id,
        **more,
    }


def user_json(core: Core, user: User) -> Json:
    """Return a user as every answer shows it."""
    email = user.info.get("email")
    info = dict(user.info)
    if "thirdParty" in info:
        info["thirdParty"] = dict(
            zip(("id", "userId"), info["thirdParty"], strict=True)
        )
    shared = {"tenantIds": [PUBLIC], "timeJoined": user.joined_at_ms}
    return {
        "id": user.id,
        "isPrimaryUser": False,
        **shared,
        "emails": [info["email"]] if "email" in info else [],
        "phoneNumbers": [info["phoneNumber"]] if "phoneNumber" in info else [],
        "thirdParty": [info["thirdParty"]] if "thirdParty" in info else [],
        "webauthn": {"credentialIds": []},
        "loginMethods": [
            {
                **shared,
                "recipeUserId": user.id,
                "verified": not email
                or (user.id, email) in core.storage.verified_emails,
                "recipeId": user.recipe_id,
                **info,
            }
        ],
    }


@route("GET /user/id", tenants="app")
def by_id(core: Core, user_id: str) -> Json:
    """Show one user."""
    user = core.storage.users.get(user_id)
    if user is None:
        return {"status": "UNKNOWN_USER_ID_ERROR"}
    return {"user": user_json(core, user)}


@route("GET /users/by-accountinfo")
def by_account_info(
    core: Core,
    *,
    do_union_of_account_info: str,
    email: str | None = None,
    phone_number: str | None = None,
    third_party_id: str | None = None,
    third_party_user_id: str | None = None,
) -> Json:
    """Show whose any, or all, of the given info is."""
    if do_union_of_account_info not in {"true", "false"}:
        message = "'doUnionOfAccountInfo' should be either 'true' or 'false'"
        raise refusal(400, message)
    if (third_party_id is None) != (third_party_user_id is None):
        raise refusal(
            400,
            "If 'thirdPartyId' is provided, 'thirdPartyUserId' must also be provided, "
            "and vice versa",
        )
    info = account_info(email, phone_number)
    if third_party_id is not None:
        info["thirdParty"] = (third_party_id, third_party_user_id)
    found = [set(core.storage.users_by_info.get(key, ())) for key in info.items()]
    combine = set.union if do_union_of_account_info == "true" else set.intersection
    users = sorted(combine(*found) if found else (), key=_position)
    return {"users": [user_json(core, user) for user in users]}


@route("GET /users")
def listed(
    core: Core,
    *,
    include_recipe_ids: str = "",
    time_joined_order: str = "ASC",
    limit: str = "100",
    pagination_token: str | None = None,
    email: str = "",
    phone: str = "",
    provider: str = "",
) -> Json:
    """Show a page, whose token names the first user of the next one.

    A search finds users of all recipes and shows them on one page.
    """
    users = _users_of(core, include_recipe_ids)
    texts = zip(SEARCH_TAGS, (email, phone, provider), strict=True)
    sought = {tag: words for tag, text in texts if (words := _words(text, ";"))}
    if time_joined_order not in {"ASC", "DESC"}:
        raise refusal(400, "timeJoinedOrder can be either ASC OR DESC")
    size = int(limit) if limit.isdecimal() else 0
    if size > _MAX_LIMIT and not sought:
        raise refusal(400, "max limit allowed is 500")
    if size < 1:
        raise refusal(400, "limit must a positive integer with min value 1")
    descends = time_joined_order == "DESC"
    start = None if pagination_token is None else _read_page_token(pagination_token)
    if sought:
        users = [u for u in core.storage.users.values() if _is_sought(u, sought)]
        start, size = None, len(users)
    users.sort(key=_position, reverse=descends)
    if start is not None:
        is_on_or_after = operator.le if descends else operator.ge
        users = [user for user in users if is_on_or_after(_position(user), start)]
    answer: Json = {"users": [user_json(core, user) for user in users[:size]]}
    if len(users) > size:
        answer["nextPaginationToken"] = _page_token(users[size])
    return answer


@route("GET /user/search/tags", tenants="any")
def search_tags() -> Json:
    """Name what `listed` can search."""
    return {"tags": list(SEARCH_TAGS)}


@route("GET /users/count")
def count(core: Core, include_recipe_ids: str = "") -> Json:
    """Count the users of all recipes, or of those named."""
    return {"count": len(_users_of(core, include_recipe_ids))}


@route("POST /user/remove", tenants="app")
def remove(
    core: Core,
    *,
    user_id: str,
    remove_all_linked_accounts: bool = True,  # noqa: ARG001 -- read, but none are linked
) -> Json:
    """Remove a user and all that belongs to it, as far as there is any."""
    kept = core.storage
    if user_id in kept.users:
        kept.put_user(kept.users[user_id], {})
        del kept.users[user_id]
    kept.user_roles.pop(user_id, None)
    kept.metadata.pop(user_id, None)
    kept.verified_emails = {p for p in kept.verified_emails if p[0] != user_id}
    kept.password_tokens.forget(user_id)
    kept.verification_tokens.forget(user_id)
    for handle in kept.handles_of(user_id):
        del kept.sessions[handle]
    return {}


def _users_of(core: Core, recipe_ids: str) -> list[User]:
    wanted = _words(recipe_ids, ",")
    for name in wanted:
        if name not in RECIPE_IDS:
            raise refusal(400, f"Unknown recipe ID: {name}")
    users = core.storage.users.values()
    return [user for user in users if not wanted or user.recipe_id in wanted]


def _words(text: str, separator: str) -> list[str]:
    return [word.strip().lower() for word in text.split(separator) if word.strip()]


def _is_sought(user: User, sought: Mapping[str, list[str]]) -> bool:
    """Return whether each kind begins with a word; an e-mail may after its ``@``."""
    provider, *_ = user.info.get("thirdParty", [""])
    shown = (user.info.get("email", ""), user.info.get("phoneNumber", ""), provider)
    texts = dict(zip(SEARCH_TAGS, shown, strict=True))
    return all(
        any(f"@{word}" in f"@{texts[tag].lower()}" for word in words)
        for tag, words in sought.items()
    )


def _position(user: User) -> tuple[int, str]:
    return (user.joined_at_ms, user.id)


def _page_token(user: User) -> str:
    return base64.b64encode(f"{user.id};{user.joined_at_ms}".encode()).decode()


def _read_page_token(token: str) -> tuple[int, str]:
    try:
        user_id, joined_at_ms = base64.b64decode(token).decode().split(";")
        return (int(joined_at_ms), user_id)
    except ValueError:
        raise refusal(400, "invalid pagination token") from None
