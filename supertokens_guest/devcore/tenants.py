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


def write_tenant(core: CoreState, call: Call) -> dict[str, Any]:  # noqa: ARG001 -- an endpoint
    """``PUT /recipe/multitenancy/tenant/v2``: a second one is a paid feature."""
    return _written(call.text_or_none("tenantId"))


def write_app(core: CoreState, call: Call) -> dict[str, Any]:  # noqa: ARG001 -- an endpoint
    """``PUT /recipe/multitenancy/app/v2``: a second one is a paid feature."""
    return _written(call.text_or_none("appId"))


def _written(name: str | None) -> dict[str, Any]:
    if name not in {None, PUBLIC_TENANT}:
        raise RefusalError(
            402,
            "Cannot use feature: multi_tenancy, because the license key is missing, "
            "or doesn't have this feature enabled.",
        )
    return {"createdNew": False, "status": "OK"}


def may_be_primary(core: CoreState, call: Call) -> dict[str, Any]:
    """``GET /recipe/accountlinking/user/primary/check``."""
    _check_users(core, call.parameter("recipeUserId"))
    return {"status": "OK", "wasAlreadyAPrimaryUser": False}


def make_primary(core: CoreState, call: Call) -> dict[str, Any]:
    """``POST /recipe/accountlinking/user/primary``: a paid feature."""
    _check_users(core, call.text("recipeUserId"))
    raise _linking_is_off()


def may_be_linked(core: CoreState, call: Call) -> dict[str, Any]:
    """``GET /recipe/accountlinking/user/link/check``: nobody is primary here."""
    names = ("recipeUserId", "primaryUserId")
    _check_users(core, *(call.parameter(name) for name in names))
    return {"status": "INPUT_USER_IS_NOT_A_PRIMARY_USER"}


def link(core: CoreState, call: Call) -> dict[str, Any]:
    """``POST /recipe/accountlinking/user/link``: a paid feature."""
    _check_users(core, call.text("recipeUserId"), call.text("primaryUserId"))
    raise _linking_is_off()


def unlink(core: CoreState, call: Call) -> dict[str, Any]:
    """``POST /recipe/accountlinking/user/unlink``: nothing to undo here."""
    _check_users(core, call.text("recipeUserId"))
    return {"status": "OK", "wasRecipeUserDeleted": False, "wasLinked": False}


def _check_users(core: CoreState, *user_ids: str) -> None:
    if any(user_id not in core.storage.users for user_id in user_ids):
        raise RefusalError(400, "Unknown user ID provided")


def _linking_is_off() -> RefusalError:
    return RefusalError(
        402,
        "Account linking feature is not enabled for this app. Please contact support "
        "to enable it.",
    )
