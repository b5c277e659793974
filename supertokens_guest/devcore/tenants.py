"""Tenants, apps and linked accounts: a core without a licence has one of each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .call import PUBLIC_TENANT, RefusalError

if TYPE_CHECKING:
    from .call import Call
    from .state import CoreState


def read(core: CoreState, call: Call) -> dict[str, Any]:  # noqa: ARG001 -- an endpoint
    """``GET /recipe/multitenancy/tenant/v2``."""
    if call.tenant_id != PUBLIC_TENANT:
        return {"status": "TENANT_NOT_FOUND_ERROR"}
    providers: dict[str, Any] = {"providers": []}
    answer = {"tenantId": PUBLIC_TENANT, "thirdParty": providers, "coreConfig": {}}
    return {**answer, "status": "OK"}


def write(core: CoreState, call: Call) -> dict[str, Any]:  # noqa: ARG001 -- an endpoint
    """``PUT /recipe/multitenancy/tenant/v2`` and ``…/app/v2``: a paid feature."""
    call.fields  # noqa: B018 -- a body that is no JSON object is refused first
    raise RefusalError(
        402,
        "Cannot use feature: multi_tenancy, because the license key is missing, or "
        "doesn't have this feature enabled.",
    )


def may_be_primary(core: CoreState, call: Call) -> dict[str, Any]:
    """``GET /recipe/accountlinking/user/primary/check``."""
    if call.parameter("recipeUserId") not in core.storage.users:
        return {"status": "UNKNOWN_USER_ID_ERROR"}
    return {"status": "OK", "wasAlreadyAPrimaryUser": False}


def make_primary(core: CoreState, call: Call) -> dict[str, Any]:  # noqa: ARG001 -- an endpoint
    """``POST /recipe/accountlinking/user/primary``: a paid feature."""
    call.text("recipeUserId")
    raise _linking_is_off()


def link(core: CoreState, call: Call) -> dict[str, Any]:  # noqa: ARG001 -- an endpoint
    """``POST /recipe/accountlinking/user/link``: a paid feature."""
    call.text("recipeUserId")
    call.text("primaryUserId")
    raise _linking_is_off()


def _linking_is_off() -> RefusalError:
    return RefusalError(
        402,
        "Account linking feature is not enabled for this app. Please contact support "
        "to enable it.",
    )
