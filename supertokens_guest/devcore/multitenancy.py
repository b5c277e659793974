"""Tenants, apps and linked accounts: paid features, of which there is one each.

So answers a core with a database and no licence; one in memory needs no licence.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .answers import Json, refusal
from .routing import PUBLIC, RecordedRequest, route

if TYPE_CHECKING:
    from .storage import Core


@route("GET /recipe/multitenancy/tenant/v2", tenants="any")
def read(request: RecordedRequest) -> Json:
    """Show the tenant that the path names."""
    if request.tenant_id != PUBLIC:
        return {"status": "TENANT_NOT_FOUND_ERROR"}
    tenant: Json = {"tenantId": PUBLIC, "thirdParty": {"providers": []}}
    return {**tenant, "coreConfig": {}}


@route("PUT /recipe/multitenancy/app/v2", tenants="app")
def write_app(app_id: str) -> Json:
    """Refuse a second app."""
    return write_tenant(app_id)


@route("PUT /recipe/multitenancy/tenant/v2")
def write_tenant(tenant_id: str) -> Json:
    """Refuse a second tenant."""
    if tenant_id != PUBLIC:
        raise refusal(
            402,
            "Cannot use feature: multi_tenancy, because the license key is missing, "
            "or doesn't have this feature enabled.",
        )
    return {"createdNew": False}


@route("GET /recipe/accountlinking/user/primary/check", tenants="app")
def may_be_primary(core: Core, recipe_user_id: str) -> Json:
    """Say that a user could be one to which others are linked."""
    if recipe_user_id not in core.storage.users:
        raise refusal(400, "Unknown user ID provided")
    return {"wasAlreadyAPrimaryUser": False}


@route("POST /recipe/accountlinking/user/primary", tenants="app")
@route("POST /recipe/accountlinking/user/link", tenants="app")
def link(core: Core, recipe_user_id: str) -> Json:
    """Refuse to make a user one to which others are linked, or to link it."""
    may_be_primary(core, recipe_user_id)
    raise refusal(
        402,
        "Account linking feature is not enabled for this app. Please contact support "
        "to enable it.",
    )
