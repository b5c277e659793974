"""The user roles recipe."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .answers import Json, outcome, refusal
from .routing import route

if TYPE_CHECKING:
    from .storage import Core


@route("PUT /recipe/role", tenants="app")
def write_role(core: Core, role: str, permissions: list[str] | None = None) -> Json:
    """Make a role, or give it more permissions."""
    role = role.strip()
    if not role:
        raise refusal(400, "Field name 'role' cannot be an empty String")
    is_new = role not in core.storage.roles
    kept = core.storage.roles.get(role, [])
    core.storage.roles[role] = list(dict.fromkeys([*kept, *(permissions or ())]))
    return {"createdNewRole": is_new}


@route("POST /recipe/role/remove", tenants="app")
def remove_role(core: Core, role: str) -> Json:
    """Remove a role, from its users too."""
    existed = core.storage.roles.pop(role.strip(), None) is not None
    for roles in core.storage.user_roles.values():
        roles[:] = [name for name in roles if name != role.strip()]
    return {"didRoleExist": existed}


@route("GET /recipe/roles", tenants="app")
def roles(core: Core) -> Json:
    """List all roles."""
    return {"roles": list(core.storage.roles)}


@route("GET /recipe/role/permissions", tenants="app")
def permissions_of_role(core: Core, role: str) -> Json:
    """List the permissions of a role."""
    return {"permissions": core.storage.roles[_known(core, role)]}


@route("POST /recipe/role/permissions/remove", tenants="app")
def remove_permissions(
    core: Core, role: str, permissions: list[str] | None = None
) -> Json:
    """Take the named permissions from a role, or all."""
    kept = core.storage.roles[_known(core, role)]
    kept[:] = [p for p in kept if permissions is not None and p not in permissions]
    return {}


@route("GET /recipe/permission/roles", tenants="app")
def roles_with_permission(core: Core, permission: str) -> Json:
    """List the roles that have a permission."""
    found = [role for role, kept in core.storage.roles.items() if permission in kept]
    return {"roles": found}


@route("PUT /recipe/user/role")
def give_role(core: Core, user_id: str, role: str) -> Json:
    """Give a role to a user, known or not."""
    role = _known(core, role)
    kept = core.storage.user_roles.setdefault(user_id, [])
    had_it = role in kept
    if not had_it:
        kept.append(role)
    return {"didUserAlreadyHaveRole": had_it}


@route("POST /recipe/user/role/remove")
def take_role(core: Core, user_id: str, role: str) -> Json:
    """Take a role from a user."""
    role = _known(core, role)
    kept = core.storage.user_roles.get(user_id, [])
    had_it = role in kept
    if had_it:
        kept.remove(role)
    return {"didUserHaveRole": had_it}


@route("GET /recipe/user/roles")
def roles_of_user(core: Core, user_id: str) -> Json:
    """List the roles of a user: none for an unknown one."""
    return {"roles": core.storage.user_roles.get(user_id, [])}


@route("GET /recipe/role/users")
def users_with_role(core: Core, role: str) -> Json:
    """List the users that have a role."""
    role = _known(core, role)
    users = [user for user, kept in core.storage.user_roles.items() if role in kept]
    return {"users": users}


def _known(core: Core, role: str) -> str:
    role = role.strip()
    if role not in core.storage.roles:
        raise outcome("UNKNOWN_ROLE_ERROR")
    return role
