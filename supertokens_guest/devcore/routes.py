"""Every route of the core, and the rule that answers it.

To find the rule for an answer, look up its path in `ROUTES`; what is checked before a
rule is asked stands in ``answering``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

from . import (
    emailpassword,
    emailverification,
    jwt,
    passwordless,
    passwordless_codes,
    session,
    session_rows,
    tenants,
    thirdparty,
    usermetadata,
    userroles,
    users,
)
from .call import PUBLIC_TENANT, text_answer

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from .call import Answer, Call
    from .state import CoreState

Rule: TypeAlias = "Callable[[CoreState, Call], Mapping[str, Any] | Answer]"

# As a core of version 11.4 names them, whose answers were recorded. Endpoints answer
# as at 5.1 to 5.4, which is what the SDKs since 0.25 choose.
VERSIONS = (
    *(f"2.{minor}" for minor in range(7, 22)),
    *("3.0", "3.1", "4.0", "5.0", "5.1", "5.2", "5.3", "5.4"),
)
_NEVER_A_TENANT = frozenset({"recipe", "config", "users", "hello"})
_APP_ID = re.compile(r"/appid-([a-z0-9-]*)(?=/|$)")
_TENANT_ID = re.compile(r"/([a-z0-9-]+)(?=/|$)")


@dataclass(frozen=True)
class Endpoint:
    """What answers one method of one path.

    Attributes:
        tenants: Whom the path may name: ``one`` that exists, the ``app`` as a whole
            (that is, the public tenant), or ``any`` name at all.
    """

    rule: Rule
    tenants: str


def _of_one(rule: Rule) -> Endpoint:
    return Endpoint(rule, "one")


def _of_app(rule: Rule) -> Endpoint:
    return Endpoint(rule, "app")


def _of_any(rule: Rule) -> Endpoint:
    return Endpoint(rule, "any")


def _hello(core: CoreState, call: Call) -> Answer:  # noqa: ARG001 -- a rule
    return text_answer("Hello")


def _not_found(core: CoreState, call: Call) -> Answer:  # noqa: ARG001 -- a rule
    return text_answer("Not found", 404)


def _versions(core: CoreState, call: Call) -> dict[str, Any]:  # noqa: ARG001 -- a rule
    return {"versions": list(VERSIONS)}


def _update_user(core: CoreState, call: Call) -> dict[str, Any]:
    """Choose by the ``rid`` header: two recipes share ``PUT /recipe/user``."""
    if call.headers.get("rid") == passwordless.RECIPE_ID:
        return passwordless.update_user(core, call)
    return emailpassword.update_user(core, call)


_METHODS = ("GET", "POST", "PUT", "DELETE")
_HELLO = dict.fromkeys(_METHODS, _of_any(_hello))
NOT_FOUND = dict.fromkeys(_METHODS, _of_any(_not_found))
NEEDS_NO_KEY = frozenset({"", "/hello", "/.well-known/jwks.json"})
NEEDS_NO_VERSION = frozenset({"/hello", "/.well-known/jwks.json", "/apiversion"})

ROUTES: Mapping[str, Mapping[str, Endpoint]] = {
    "": _HELLO,
    "/hello": _HELLO,
    "/apiversion": {"GET": _of_app(_versions)},
    # Tokens
    "/.well-known/jwks.json": {"GET": _of_any(jwt.key_set)},
    "/recipe/jwt/jwks": {"GET": _of_app(jwt.older_key_set)},
    "/recipe/jwt": {"POST": _of_app(jwt.create)},
    # Sessions
    "/recipe/session": {
        "POST": _of_one(session.create),
        "GET": _of_any(session_rows.read),
    },
    "/recipe/session/verify": {"POST": _of_any(session.verify)},
    "/recipe/session/refresh": {"POST": _of_one(session.refresh)},
    "/recipe/session/regenerate": {"POST": _of_any(session.regenerate)},
    "/recipe/session/remove": {"POST": _of_one(session_rows.remove)},
    "/recipe/session/user": {"GET": _of_one(session_rows.handles_of_user)},
    "/recipe/session/data": {"PUT": _of_any(session_rows.write_data)},
    "/recipe/jwt/data": {"PUT": _of_any(session_rows.write_payload)},
    # Users
    "/user/id": {"GET": _of_app(users.by_id)},
    "/user/remove": {"POST": _of_app(users.remove)},
    "/users": {"GET": _of_one(users.listed)},
    "/users/count": {"GET": _of_one(users.count)},
    "/users/by-accountinfo": {"GET": _of_one(users.by_account_info)},
    # E-mail and password
    "/recipe/signup": {"POST": _of_one(emailpassword.sign_up)},
    "/recipe/signin": {"POST": _of_one(emailpassword.sign_in)},
    "/recipe/user": {"PUT": _of_app(_update_user)},
    "/recipe/user/password/reset/token": {
        "POST": _of_one(emailpassword.create_reset_token)
    },
    "/recipe/user/password/reset/token/consume": {
        "POST": _of_one(emailpassword.consume_reset_token)
    },
    # Third party
    "/recipe/signinup": {"POST": _of_one(thirdparty.sign_in_up)},
    # Passwordless
    "/recipe/signinup/code": {"POST": _of_one(passwordless_codes.create)},
    "/recipe/signinup/code/consume": {"POST": _of_one(passwordless.consume_code)},
    "/recipe/signinup/code/check": {"POST": _of_one(passwordless.check_code)},
    "/recipe/signinup/code/remove": {"POST": _of_one(passwordless_codes.remove)},
    "/recipe/signinup/codes": {"GET": _of_one(passwordless_codes.listed)},
    "/recipe/signinup/codes/remove": {"POST": _of_one(passwordless_codes.remove_all)},
    # E-mail verification
    "/recipe/user/email/verify": {
        "GET": _of_app(emailverification.is_verified),
        "POST": _of_one(emailverification.verify),
    },
    "/recipe/user/email/verify/token": {
        "POST": _of_one(emailverification.create_token)
    },
    "/recipe/user/email/verify/token/remove": {
        "POST": _of_one(emailverification.remove_tokens)
    },
    "/recipe/user/email/verify/remove": {"POST": _of_app(emailverification.unverify)},
    # Roles and metadata
    "/recipe/role": {"PUT": _of_app(userroles.write_role)},
    "/recipe/roles": {"GET": _of_app(userroles.roles)},
    "/recipe/role/remove": {"POST": _of_app(userroles.remove_role)},
    "/recipe/role/permissions": {"GET": _of_app(userroles.permissions_of_role)},
    "/recipe/role/permissions/remove": {"POST": _of_app(userroles.remove_permissions)},
    "/recipe/role/users": {"GET": _of_one(userroles.users_with_role)},
    "/recipe/permission/roles": {"GET": _of_app(userroles.roles_with_permission)},
    "/recipe/user/role": {"PUT": _of_one(userroles.give_role)},
    "/recipe/user/role/remove": {"POST": _of_one(userroles.take_role)},
    "/recipe/user/roles": {"GET": _of_one(userroles.roles_of_user)},
    "/recipe/user/metadata": {
        "GET": _of_app(usermetadata.read),
        "PUT": _of_app(usermetadata.update),
    },
    "/recipe/user/metadata/remove": {"POST": _of_app(usermetadata.remove)},
    # What needs a licence
    "/recipe/multitenancy/tenant/v2": {
        "GET": _of_any(tenants.read),
        "PUT": _of_one(tenants.write_tenant),
    },
    "/recipe/multitenancy/app/v2": {"PUT": _of_app(tenants.write_app)},
    "/recipe/accountlinking/user/primary": {"POST": _of_app(tenants.make_primary)},
    "/recipe/accountlinking/user/primary/check": {
        "GET": _of_app(tenants.may_be_primary)
    },
    "/recipe/accountlinking/user/link": {"POST": _of_app(tenants.link)},
    "/recipe/accountlinking/user/link/check": {"GET": _of_app(tenants.may_be_linked)},
    "/recipe/accountlinking/user/unlink": {"POST": _of_app(tenants.unlink)},
}


@dataclass(frozen=True, slots=True)
class Place:
    """What a path names: a route, in an app, for a tenant."""

    route: str
    app_id: str = PUBLIC_TENANT
    tenant_id: str = PUBLIC_TENANT


def place_of(path: str) -> Place:
    """Take a path apart: ``/appid-<id>/<tenant>`` may stand before the route.

    Case, doubled slashes and a slash at the end make no difference.
    """
    rest = re.sub("/+", "/", path.lower()).rstrip("/")
    if rest in ROUTES:
        return Place(rest)
    app_id = tenant_id = PUBLIC_TENANT
    if app := _APP_ID.match(rest):
        app_id, rest = app[1] or PUBLIC_TENANT, rest[app.end() :]
    if rest not in ROUTES and (tenant := _TENANT_ID.match(rest)):
        after = rest[tenant.end() :]
        # "/" after a tenant's name says hello for the public one only.
        is_tenant = after or tenant[1] == PUBLIC_TENANT
        if after in ROUTES and is_tenant and tenant[1] not in _NEVER_A_TENANT:
            tenant_id, rest = tenant[1], after
    return Place(rest, app_id, tenant_id)
