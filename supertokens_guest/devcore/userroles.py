"""The user roles recipe."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .call import RefusalError

if TYPE_CHECKING:
    from .call import Call
    from .state import CoreState

_UNKNOWN = {"status": "UNKNOWN_ROLE_ERROR"}


def write_role(core: CoreState, call: Call) -> dict[str, Any]:
    """``PUT /recipe/role``: make a role, or give it more permissions."""
    role = _role(call)
    permissions = _permissions(call) or []
    is_new = role not in core.storage.roles
    kept = core.storage.roles.setdefault(role, [])
    kept.extend(p for p in dict.fromkeys(permissions) if p not in kept)
    return {"status": "OK", "createdNewRole": is_new}


def remove_role(core: CoreState, call: Call) -> dict[str, Any]:
    """``POST /recipe/role/remove``: from its users too."""
    role = _role(call)
    existed = core.storage.roles.pop(role, None) is not None
    for roles in core.storage.user_roles.values():
        if role in roles:
            roles.remove(role)
    return {"status": "OK", "didRoleExist": existed}


def roles(core: CoreState, call: Call) -> dict[str, Any]:  # noqa: ARG001 -- an endpoint
    """``GET /recipe/roles``: all of them."""
    return {"status": "OK", "roles": list(core.storage.roles)}


def permissions_of_role(core: CoreState, call: Call) -> dict[str, Any]:
    """``GET /recipe/role/permissions``."""
    permissions = core.storage.roles.get(_named(call, "role"))
    if permissions is None:
        return _UNKNOWN
    return {"permissions": permissions, "status": "OK"}


def remove_permissions(core: CoreState, call: Call) -> dict[str, Any]:
    """``POST /recipe/role/permissions/remove``: the named ones, or all."""
    role = _role(call)
    permissions = _permissions(call)
    if role not in core.storage.roles:
        return _UNKNOWN
    kept = core.storage.roles[role]
    core.storage.roles[role] = [
        name for name in kept if permissions is not None and name not in permissions
    ]
    return {"status": "OK"}


def roles_with_permission(core: CoreState, call: Call) -> dict[str, Any]:
    """``GET /recipe/permission/roles``."""
    permission = _named(call, "permission")
    found = [
        r for r, permissions in core.storage.roles.items() if permission in permissions
    ]
    return {"status": "OK", "roles": found}


def give_role(core: CoreState, call: Call) -> dict[str, Any]:
    """``PUT /recipe/user/role``."""
    user_id, role = call.text("userId"), _role(call)
    if role not in core.storage.roles:
        return _UNKNOWN
    kept = core.storage.user_roles.setdefault(user_id, [])
    had_it = role in kept
    if not had_it:
        kept.append(role)
    return {"status": "OK", "didUserAlreadyHaveRole": had_it}


def take_role(core: CoreState, call: Call) -> dict[str, Any]:
    """``POST /recipe/user/role/remove``."""
    user_id, role = call.text("userId"), _role(call)
    if role not in core.storage.roles:
        return _UNKNOWN
    kept = core.storage.user_roles.get(user_id, [])
    had_it = role in kept
    if had_it:
        kept.remove(role)
    return {"status": "OK", "didUserHaveRole": had_it}


def roles_of_user(core: CoreState, call: Call) -> dict[str, Any]:
    """``GET /recipe/user/roles``: none for an unknown user."""
    found = core.storage.user_roles.get(call.parameter("userId"), [])
    return {"roles": found, "status": "OK"}


def users_with_role(core: CoreState, call: Call) -> dict[str, Any]:
    """``GET /recipe/role/users``."""
    role = _named(call, "role")
    if role not in core.storage.roles:
        return _UNKNOWN
    users = [user for user, roles in core.storage.user_roles.items() if role in roles]
    return {"status": "OK", "users": users}


def _role(call: Call) -> str:
    return _not_empty("role", call.text("role").strip())


def _named(call: Call, name: str) -> str:
    return _not_empty(name, call.parameter(name).strip())


def _not_empty(name: str, value: str) -> str:
    if not value:
        raise RefusalError(400, f"Field name '{name}' cannot be an empty String")
    return value


def _permissions(call: Call) -> list[str] | None:
    if "permissions" not in call.fields:
        return None
    names = [name.strip() for name in call.texts("permissions")]
    if "" in names:
        message = "Field name 'permissions' cannot contain an empty string"
        raise RefusalError(400, message)
    return names
