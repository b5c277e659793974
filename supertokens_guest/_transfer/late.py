"""The transfer after the login, and what a session took over from a guest."""

from __future__ import annotations

import copy
import math
import time
from typing import TYPE_CHECKING, Any

from supertokens_python.recipe.session.exceptions import (
    SuperTokensSessionError,
    UnauthorisedError,
)
from supertokens_python.recipe.session.recipe import SessionRecipe

from supertokens_guest._background import run
from supertokens_guest._runtime import (
    REQUEST_WAIT_SECONDS,
    core_failure,
    current,
    refused_by_core,
)
from supertokens_guest._tokens.payload import GUEST_ID
from supertokens_guest._transfer.handover import (
    Handover,
    lacks_factors,
    leaves_guest_alone,
)
from supertokens_guest._transfer.selection import DATA_KEY, MORE, WAITING
from supertokens_guest._web.answers import at_answer, clear_with
from supertokens_guest._web.cookies import keep_newest_session
from supertokens_guest.errors import ConfigError
from supertokens_guest.events import logger

if TYPE_CHECKING:
    from supertokens_python.recipe.session.interfaces import (
        SessionContainer,
        SessionInformationResult,
    )

    from supertokens_guest._web.requests import Visit
    from supertokens_guest.guest import GuestTransfer

RETRY_SECONDS = 60.0  # from a try that failed: the guard tries with every request
MAX_TRIES = 1_024  # sessions whose failed tries are remembered


async def transfer_late(
    visit: Visit,
    session: SessionContainer,
    context: dict[str, Any],
    *,
    blocks: bool,
) -> GuestTransfer | None:
    """Transfer the guest that the login of *session* left waiting; see the verb."""
    payload, runtime = session.get_access_token_payload(), current()
    waiting = payload.get(WAITING)
    if not isinstance(waiting, str) or leaves_guest_alone(payload, context):
        return None
    if lacks_factors(payload):
        runtime.tell("transfer-skipped", "factors_incomplete")
        return None
    handle = session.get_handle()
    if time.monotonic() - runtime.late_tries.get(handle, -math.inf) < RETRY_SECONDS:
        return None  # under way, or failed just now
    runtime.late_tries[handle] = math.inf
    failed = True
    try:
        handover = Handover(
            visit=visit,
            user_context=context,
            user_id=session.get_user_id(),
            recipe_user_id=session.get_recipe_user_id().get_as_string(),
            tenant_id=session.get_tenant_id(),
            is_late=True,
        )
        await handover.find(blocks=blocks, wait_seconds=REQUEST_WAIT_SECONDS)
        failed = handover.waiting is not None
        if handover.guest is None or handover.reading.fingerprint != waiting:
            return None
        failed = True
        transfer = await _move(handover, session, blocks=blocks)
        failed = transfer is None
        return transfer
    finally:
        runtime.late_tries.pop(handle, None)
        if failed:
            while len(runtime.late_tries) >= MAX_TRIES:
                runtime.late_tries.pop(next(iter(runtime.late_tries)), None)
            runtime.late_tries[handle] = time.monotonic()


async def _move(
    handover: Handover, session: SessionContainer, *, blocks: bool
) -> GuestTransfer | None:
    """Put the claims into the session, with the hook between choosing and writing.

    Each new access token takes a kilobyte of the answer's headers, so the claims and
    the end of the waiting are written at once, after the hook.
    """
    try:
        stored = await _stored(session, blocks=blocks)
        payload = stored.custom_claims_in_access_token_payload
        if payload.get(WAITING) != handover.reading.fingerprint:
            return None  # transferred by another request, or taken out by an admin
        data = stored.session_data_in_database
        handover.choose(payload, data, session=session)
        if handover.selection.into_data:
            merged = {**data, **handover.selection.into_data}
            await run(
                lambda: session.update_session_data_in_database(merged), blocks=blocks
            )
        if not await handover.call_hook(session, blocks=blocks):
            return None
        # The SDK merges into what the token says, which may bring back a claim that was
        # taken out of the session since.
        token: Any = session
        token.user_data_in_access_token = dict(payload)
        update = {**handover.into_payload, WAITING: None}
        await run(
            lambda: session.merge_into_access_token_payload(update), blocks=blocks
        )
    except SuperTokensSessionError as error:
        clear_with(error)
        raise  # the session has ended: the SDK's answer to that is the right one
    except Exception as error:  # noqa: BLE001 - a guest must not fail a user's request
        logger.exception("a guest was not transferred, and is kept")
        reason = "error" if core_failure(error) is None else "core_unavailable"
        if refused_by_core(error):
            reason = "core_refused"
        current().tell("transfer-failed", reason, guest=handover.guest, error=error)
        return None
    at_answer(session, handover.visit, keep_newest_session)
    handover.settle(session)
    return handover.transfer(session)


async def _stored(
    session: SessionContainer, *, blocks: bool
) -> SessionInformationResult:
    """Return the session as the core has it: what was taken out must not come back."""
    recipe = SessionRecipe.get_instance().recipe_implementation
    # A context of its own: the SDK would answer from that of an earlier call.
    stored = await run(
        lambda: recipe.get_session_information(session.get_handle(), {}), blocks=blocks
    )
    if stored is None:
        raise UnauthorisedError("Session does not exist anymore.")
    return stored


async def guest_data(
    session: SessionContainer, context: dict[str, Any] | None, *, blocks: bool
) -> dict[str, Any] | None:
    """Return what *session* took over from a guest; see ``get_guest_data``."""
    config, namespace = current().config, current().config.namespace
    payload = session.get_access_token_payload()
    if namespace is None:
        claim: Any = {MORE: payload.get(MORE) is True}
    elif config.transfer_to == "session_data_in_database":
        claim = {MORE: True}
    else:
        claim = payload.get(namespace)
    if not isinstance(claim, dict):
        return None
    found = claim
    if claim.get(MORE) is True:
        data = await run(
            lambda: session.get_session_data_from_database(context), blocks=blocks
        )
        stored = data.get(DATA_KEY if namespace is None else namespace)
        if isinstance(stored, dict) and claim.get("sub") in {None, stored.get("sub")}:
            found = stored
    if not _is_guest_id(found.get("sub")):
        if namespace is None:
            raise ConfigError(
                "With namespace=None nothing tells a guest's claims from others: read"
                " session.get_access_token_payload()."
            )
        return None
    return {name: copy.deepcopy(found[name]) for name in found if name != MORE}


def _is_guest_id(value: object) -> bool:
    return isinstance(value, str) and GUEST_ID.fullmatch(value) is not None
