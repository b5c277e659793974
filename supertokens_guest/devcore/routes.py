"""Every route of the core, what answers it, and the checks before that.

To find the rule for an answer, look up its path in `ROUTES`.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

from . import (
    emailpassword,
    emailverification,
    jwt,
    passwordless,
    session,
    session_rows,
    tenants,
    thirdparty,
    usermetadata,
    userroles,
    users,
)
from .call import (
    PUBLIC_TENANT,
    Answer,
    Call,
    RefusalError,
    json_answer,
    text_answer,
)

if TYPE_CHECKING:
    from .state import CoreState

Endpoint: TypeAlias = "Callable[[CoreState, Call], Mapping[str, Any] | Answer]"

# As a core of version 11.4 names them, whose answers were recorded. Endpoints answer
# as at 5.1 to 5.4, which is what the SDKs since 0.25 choose.
VERSIONS = (
    *(f"2.{minor}" for minor in range(7, 22)),
    *("3.0", "3.1", "4.0", "5.0", "5.1", "5.2", "5.3", "5.4"),
)
_LATEST = (5, 4)
_TENANTS_SINCE = (3, 0)
_NEVER_A_TENANT = frozenset({"recipe", "config", "users", "hello"})
_APP_ID = re.compile(r"/appid-([a-z0-9-]*)(?=/|$)")
_TENANT_ID = re.compile(r"/([a-z0-9-]+)(?=/|$)")
_VERSION = re.compile(r"[0-9]+(\.[0-9]+)*")


@dataclass(frozen=True)
class Route:
    """The endpoints of one path, by method.

    Attributes:
        tenants: Of whom the path may speak: ``one`` that exists, the ``app`` as a
            whole (the public tenant), or ``any`` name at all.
        needs_key: Whether the API key is asked for.
    """

    endpoints: Mapping[str, Endpoint]
    tenants: str
    needs_key: bool = True


def _tenant(**endpoints: Endpoint) -> Route:
    return Route(endpoints, "one")


def _app(**endpoints: Endpoint) -> Route:
    return Route(endpoints, "app")


def _any(**endpoints: Endpoint) -> Route:
    return Route(endpoints, "any")


def _hello(core: CoreState, call: Call) -> Answer:  # noqa: ARG001 -- an endpoint
    return text_answer("Hello")


def _versions(core: CoreState, call: Call) -> dict[str, Any]:  # noqa: ARG001 -- as above
    return {"versions": list(VERSIONS)}


def _user_endpoint(ours: Endpoint, passwordless_: Endpoint) -> Endpoint:
    """Choose by the ``rid`` header; two recipes share ``/recipe/user``."""

    def endpoint(core: CoreState, call: Call) -> Mapping[str, Any] | Answer:
        is_other = call.headers.get("rid") == passwordless.RECIPE_ID
        return (passwordless_ if is_other else ours)(core, call)

    return endpoint


_HELLO = Route(
    dict.fromkeys(("GET", "POST", "PUT", "DELETE"), _hello), "any", needs_key=False
)

ROUTES: Mapping[str, Route] = {
    "": _HELLO,
    "/hello": _HELLO,
    "/apiversion": _app(GET=_versions),
    # Tokens
    "/.well-known/jwks.json": Route({"GET": jwt.key_set}, "any", needs_key=False),
    "/recipe/jwt/jwks": _app(GET=jwt.older_key_set),
    "/recipe/jwt": _app(POST=jwt.create),
    # Sessions
    "/recipe/session": Route(
        {"POST": session.create, "GET": session_rows.read}, "one"
    ),
    "/recipe/session/verify": _any(POST=session.verify),
    "/recipe/session/refresh": _tenant(POST=session.refresh),
    "/recipe/session/regenerate": _any(POST=session.regenerate),
    "/recipe/session/remove": _tenant(POST=session_rows.remove),
    "/recipe/session/user": _tenant(GET=session_rows.handles_of_user),
    "/recipe/session/data": _any(PUT=session_rows.write_data),
    "/recipe/jwt/data": _any(PUT=session_rows.write_payload),
    # Users
    "/user/id": _app(GET=users.by_id),
    "/user/remove": _app(POST=users.remove),
    "/users": _tenant(GET=users.listed),
    "/users/count": _tenant(GET=users.count),
    "/users/by-accountinfo": _tenant(GET=users.by_account_info),
    # E-mail and password
    "/recipe/signup": _tenant(POST=emailpassword.sign_up),
    "/recipe/signin": _tenant(POST=emailpassword.sign_in),
    "/recipe/user": _app(
        GET=emailpassword.read_user,
        PUT=_user_endpoint(emailpassword.update_user, passwordless.update_user),
    ),
    "/recipe/user/password/reset/token": _tenant(POST=emailpassword.create_reset_token),
    "/recipe/user/password/reset/token/consume": _tenant(
        POST=emailpassword.consume_reset_token
    ),
    # Third party
    "/recipe/signinup": _tenant(POST=thirdparty.sign_in_up),
    # Passwordless
    "/recipe/signinup/code": _tenant(POST=passwordless.create_code),
    "/recipe/signinup/code/consume": _tenant(POST=passwordless.consume_code),
    "/recipe/signinup/code/check": _tenant(POST=passwordless.check_code),
    "/recipe/signinup/code/remove": _tenant(POST=passwordless.remove_code),
    "/recipe/signinup/codes": _tenant(GET=passwordless.codes),
    "/recipe/signinup/codes/remove": _tenant(POST=passwordless.remove_codes),
    # E-mail verification; to ask and to take it back is of the app, the rest of a tenant
    "/recipe/user/email/verify": _tenant(
        GET=emailverification.is_verified, POST=emailverification.verify
    ),
    "/recipe/user/email/verify/token": _tenant(POST=emailverification.create_token),
    "/recipe/user/email/verify/token/remove": _tenant(
        POST=emailverification.remove_tokens
    ),
    "/recipe/user/email/verify/remove": _app(POST=emailverification.unverify),
    # Roles and metadata
    "/recipe/role": _app(PUT=userroles.write_role),
    "/recipe/roles": _app(GET=userroles.roles),
    "/recipe/role/remove": _app(POST=userroles.remove_role),
    "/recipe/role/permissions": _app(GET=userroles.permissions_of_role),
    "/recipe/role/permissions/remove": _app(POST=userroles.remove_permissions),
    "/recipe/role/users": _tenant(GET=userroles.users_with_role),
    "/recipe/permission/roles": _app(GET=userroles.roles_with_permission),
    "/recipe/user/role": _tenant(PUT=userroles.give_role),
    "/recipe/user/role/remove": _tenant(POST=userroles.take_role),
    "/recipe/user/roles": _tenant(GET=userroles.roles_of_user),
    "/recipe/user/metadata": _app(GET=usermetadata.read, PUT=usermetadata.update),
    "/recipe/user/metadata/remove": _app(POST=usermetadata.remove),
    # What needs a licence
    "/recipe/multitenancy/tenant/v2": Route(
        {"GET": tenants.read, "PUT": tenants.write}, "any"
    ),
    "/recipe/multitenancy/app/v2": _app(PUT=tenants.write),
    "/recipe/accountlinking/user/primary": _app(POST=tenants.make_primary),
    "/recipe/accountlinking/user/primary/check": _app(GET=tenants.may_be_primary),
    "/recipe/accountlinking/user/link": _app(POST=tenants.link),
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


def answer(core: CoreState, method: str, place: Place, call: Call) -> Answer:
    """Answer *call*, by an endpoint or by the first check that fails.

    The order is the core's: API key, version, method, tenant, and then the fields.
    """
    try:
        route = ROUTES.get(place.route)
        if route is not None and route.needs_key:
            _check_api_key(core, call)
        version = _version(call.headers.get("cdi-version"))
        if version < _TENANTS_SINCE and place.tenant_id != PUBLIC_TENANT:
            raise RefusalError(404, "Not found")
        if route is None:
            raise RefusalError(404, "Not found")
        if method not in route.endpoints:
            raise RefusalError(405, "Method not supported")
        _check_tenant(route, place)
        call = Call(call.query, call.headers, call.body, place.tenant_id, version)
        found = route.endpoints[method](core, call)
    except RefusalError as refusal:
        return text_answer(refusal.text, refusal.status)
    return found if isinstance(found, Answer) else json_answer(found)


def _check_api_key(core: CoreState, call: Call) -> None:
    if core.api_key is None:
        return
    given = call.headers.get("api-key")
    if given is None:
        given = call.headers.get("authorization", "")
        if given.lower().startswith("bearer "):
            given = given[len("bearer ") :]
    if not secrets.compare_digest(given.strip().encode(), core.api_key.encode()):
        raise RefusalError(401, "Invalid API key")


def _version(given: str | None) -> tuple[int, int]:
    if given is None:
        return _LATEST
    if not _VERSION.fullmatch(given):
        raise RefusalError(
            500, "java.lang.IllegalArgumentException: Invalid version format"
        )
    if given not in VERSIONS:
        raise RefusalError(400, f"cdi-version {given} not supported")
    major, minor = given.split(".")
    return (int(major), int(minor))


def _check_tenant(route: Route, place: Place) -> None:
    is_unknown = place.tenant_id != PUBLIC_TENANT
    if place.app_id != PUBLIC_TENANT or (is_unknown and route.tenants == "one"):
        raise RefusalError(
            400,
            "AppId or tenantId not found => Tenant with the following "
            "connectionURIDomain, appId and tenantId combination not found: "
            f"(, {place.app_id}, {place.tenant_id})",
        )
    if is_unknown and route.tenants == "app":
        raise RefusalError(403, "Only public tenantId can call this app specific API")
