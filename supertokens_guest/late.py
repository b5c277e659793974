"""The transfer after the login, into a session that is already there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from supertokens_python.recipe.multifactorauth.multi_factor_auth_claim import (
    MultiFactorAuthClaim,
)
from supertokens_python.recipe.multifactorauth.recipe import MultiFactorAuthRecipe
from supertokens_python.recipe.session.exceptions import SuperTokensSessionError

from supertokens_guest.core_errors import core_failure, refused_by_core
from supertokens_guest.events import logger
from supertokens_guest.guest import GuestTransfer
from supertokens_guest.handover import (
    choose_claims,
    clear_on_response,
    complete,
    find_candidate,
    leaves_guest_alone,
    session_shape,
)
from supertokens_guest.requests import guest_tokens

if TYPE_CHECKING:
    from collections.abc import Mapping

    from supertokens_python.framework.request import BaseRequest
    from supertokens_python.recipe.session.interfaces import SessionContainer

    from supertokens_guest.runtime import Runtime
    from supertokens_guest.transfer import Selection


async def transfer(
    runtime: Runtime,
    request: BaseRequest,
    session: SessionContainer,
    user_context: dict[str, Any],
) -> GuestTransfer | None:
    """Transfer the guest of *request* into *session*; see ``transfer_guest``."""
    if not guest_tokens(request, runtime.config.cookie_name):
        return None
    payload = session.get_access_token_payload()
    if leaves_guest_alone(payload, user_context):
        return None
    if _lacks_factors(payload):
        runtime.tell("transfer-skipped", "factors_incomplete")
        return None
    candidate = await find_candidate(
        runtime,
        request,
        user_context,
        wait_seconds=runtime.config.request_wait_seconds,
    )
    if candidate.guest is None:
        if candidate.clearable:
            clear_on_response(runtime, session, request)
        return None
    draft = GuestTransfer(
        guest=candidate.guest,
        session=session,
        user_id=session.get_user_id(),
        recipe_user_id=session.get_recipe_user_id().get_as_string(),
        tenant_id=session.get_tenant_id(),
        request=request,
        user_context=user_context,
    )
    selection = await _move(runtime, draft, session)
    if selection is None:
        return None
    return await complete(runtime, draft, session, selection)


def _lacks_factors(access_token_payload: dict[str, Any]) -> bool:
    """Tell whether the session still waits for a factor."""
    if MultiFactorAuthRecipe.get_instance() is None:
        return False
    value = MultiFactorAuthClaim.get_value_from_payload(access_token_payload)
    return value is None or not value.v


async def _move(
    runtime: Runtime, draft: GuestTransfer, session: SessionContainer
) -> Selection | None:
    """Choose the claims and put them where the configuration says.

    Returns:
        What moved; ``None`` when the app's choice failed, or the core did.
    """
    context = draft.user_context
    shape = session_shape(runtime, draft, disable_anti_csrf=False)
    present: Mapping[str, Any] = session.get_access_token_payload()
    try:
        if shape is None:
            # The core replaces all of it, so what is there is read first; not atomic.
            present = await session.get_session_data_from_database(context)
        selection = choose_claims(runtime, draft, present=present, shape=shape)
        added = selection.added
        if all(present.get(name) == value for name, value in added.items()):
            return selection
        if shape is None:
            merged = {**present, **added}
            await session.update_session_data_in_database(merged, context)
        else:
            await session.merge_into_access_token_payload(dict(added), context)
    except SuperTokensSessionError:
        raise  # the session has ended: the SDK's answer to that is the right one
    except Exception as error:  # noqa: BLE001 - a guest must not fail a user's request
        logger.exception("a guest was not transferred, and is kept")
        runtime.tell("transfer-failed", _reason(error), guest=draft.guest, error=error)
        return None
    return selection


def _reason(error: Exception) -> str:
    """Return the word for why claims did not enter a session."""
    if refused_by_core(error):
        return "core_refused"
    return "error" if core_failure(error) is None else "core_unavailable"
