"""From a request to its answer: the checks that all routes share, then the rule."""

from __future__ import annotations

import re
import secrets
from typing import TYPE_CHECKING, Any

from .call import PUBLIC_TENANT, Answer, Call, RefusalError, json_answer, text_answer
from .routes import NEEDS_NO_KEY, NEEDS_NO_VERSION, NOT_FOUND, ROUTES, VERSIONS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .routes import Endpoint, Place
    from .state import CoreState

_LATEST = (5, 4)
_TENANTS_SINCE = (3,)
_VERSION = re.compile(r"[0-9]+(\.[0-9]+)*")


def answer(core: CoreState, method: str, place: Place, call: Call) -> Answer:
    """Answer *call*: by the rule of its route, or with the first refusal."""
    try:
        found = _asked(core, method, place, call)
    except RefusalError as refusal:
        return text_answer(refusal.text, refusal.status)
    return found if isinstance(found, Answer) else json_answer(found)


def _asked(
    core: CoreState, method: str, place: Place, call: Call
) -> Mapping[str, Any] | Answer:
    """Check in the core's order: API key, version, method, tenant; then ask."""
    endpoints = ROUTES.get(place.route, NOT_FOUND)
    if place.route in ROUTES and place.route not in NEEDS_NO_KEY:
        _check_api_key(core, call)
    given_version = call.headers.get("cdi-version")
    version = _version(given_version)
    if version < _TENANTS_SINCE and place.tenant_id != PUBLIC_TENANT:
        raise RefusalError(404, "Not found")
    if place.route not in NEEDS_NO_VERSION and given_version not in {None, *VERSIONS}:
        raise RefusalError(400, f"cdi-version {given_version} not supported")
    if method not in endpoints:
        raise RefusalError(405, "Method not supported")
    _check_tenant(endpoints[method], place)
    call = Call(call.query, call.headers, call.body, place.tenant_id, version)
    return endpoints[method].rule(core, call)


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


def _version(given: str | None) -> tuple[int, ...]:
    if given is None:
        return _LATEST
    if not _VERSION.fullmatch(given):
        raise RefusalError(
            500, "java.lang.IllegalArgumentException: Invalid version format"
        )
    version = [int(part) for part in given.split(".")]
    while len(version) > 1 and version[-1] == 0:
        version.pop()
    if tuple(version) > _LATEST:
        raise RefusalError(400, f"cdi-version {given} not supported")
    return tuple(version)


def _check_tenant(endpoint: Endpoint, place: Place) -> None:
    is_unknown = place.tenant_id != PUBLIC_TENANT
    if place.app_id != PUBLIC_TENANT or (is_unknown and endpoint.tenants == "one"):
        named = place.tenant_id if endpoint.tenants == "one" else PUBLIC_TENANT
        raise RefusalError(
            400,
            "AppId or tenantId not found => Tenant with the following "
            "connectionURIDomain, appId and tenantId combination not found: "
            f"(, {place.app_id}, {named})",
        )
    if is_unknown and endpoint.tenants == "app":
        raise RefusalError(403, "Only public tenantId can call this app specific API")
