"""The transfer after the login, into a session that is there."""

import math
import time
from typing import Any

from supertokens_python.recipe.session import SessionContainer, exceptions
from supertokens_python.recipe.session.recipe import SessionRecipe

from supertokens_guest._background import run
from supertokens_guest._runtime import core_failure, current, refused_by_core
from supertokens_guest._transfer.handover import Handover, is_exempt, lacks_factors
from supertokens_guest._transfer.selection import WAITING
from supertokens_guest._web.answers import at_answer, clear_with
from supertokens_guest._web.cookies import keep_newest_session
from supertokens_guest._web.requests import Visit
from supertokens_guest.events import logger
from supertokens_guest.guest import GuestTransfer

RETRY_SECONDS = 60.0  # from a try that failed: the guard tries with every request
MAX_TRIES = 1_024  # sessions whose failed tries are remembered


async def transfer_late(
    visit: Visit, session: SessionContainer, context: dict[str, Any]
) -> GuestTransfer | None:
    """Transfer the guest that the login of *session* left waiting; see the verb."""
    payload, tries = session.get_access_token_payload(), current().late_tries
    waiting, handle = payload.get(WAITING), session.get_handle()
    if not isinstance(waiting, str) or is_exempt(payload, context):
        return None
    if lacks_factors(payload):
        current().tell("transfer-skipped", "factors_incomplete")
        return None
    if time.monotonic() - tries.get(handle, -math.inf) < RETRY_SECONDS:
        return None  # under way, or failed just now
    user_ids = session.get_user_id(), session.get_recipe_user_id().get_as_string()
    handover = Handover(visit, context, *user_ids, session.get_tenant_id(), session)
    while len(tries) >= MAX_TRIES:
        tries.pop(next(iter(tries)), None)
    tries[handle] = math.inf
    try:
        await handover.find()
        came = handover.guest is not None and handover.reading.fingerprint == waiting
        transfer = await _move(handover) if came else None
        if transfer is not None or not (came or handover.beside):
            tries.pop(handle, None)
        return transfer
    finally:
        if handle in tries:
            tries[handle] = time.monotonic()


async def _move(handover: Handover) -> GuestTransfer | None:
    """Put the claims into the session, with the hook between choosing and writing."""
    # Each new access token takes a kilobyte of headers, so there is one, at the end.
    recipe = SessionRecipe.get_instance().recipe_implementation
    session = handover.session
    try:
        # As the core has it: what an admin took out must not come back. In a context of
        # its own: the SDK would answer from that of an earlier call.
        stored = await run(
            lambda: recipe.get_session_information(session.get_handle(), {})
        )
        if stored is None:
            exceptions.raise_unauthorised_exception("Session does not exist anymore.")
        payload = stored.custom_claims_in_access_token_payload
        if payload.get(WAITING) != handover.reading.fingerprint:
            return None  # transferred by another request, or taken out by an admin
        data = stored.session_data_in_database
        handover.choose(payload, data)
        if handover.selection.into_data:
            merged = {**data, **handover.selection.into_data}
            await run(lambda: session.update_session_data_in_database(merged))
        if not await handover.call_hook():
            return None
        # The SDK merges into what the token says.
        session.user_data_in_access_token = dict(payload)
        update = {**handover.selection.into_payload, WAITING: None}
        await run(lambda: session.merge_into_access_token_payload(update))
    except exceptions.SuperTokensSessionError as error:
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
    handover.settle()
    return handover.transfer()
