"""The transfer after the login, and what a session took over from a guest."""

import math
import time
from typing import Any

from supertokens_python.recipe.session import SessionContainer, SessionRecipe
from supertokens_python.recipe.session import exceptions as session_errors

from supertokens_guest._background import run
from supertokens_guest._runtime import core_failure, current, refused_by_core
from supertokens_guest._transfer.handover import (
    Handover,
    lacks_factors,
    leaves_guest_alone,
)
from supertokens_guest._transfer.selection import DATA_KEY, MORE, WAITING, guests
from supertokens_guest._web.answers import at_answer, clear_with
from supertokens_guest._web.cookies import keep_newest_session
from supertokens_guest._web.requests import Visit
from supertokens_guest.errors import ConfigError
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
    if not isinstance(waiting, str) or leaves_guest_alone(payload, context):
        return None
    if lacks_factors(payload):
        current().tell("transfer-skipped", "factors_incomplete")
        return None
    if time.monotonic() - tries.get(handle, -math.inf) < RETRY_SECONDS:
        return None  # under way, or failed just now
    handover = Handover(
        visit=visit,
        user_context=context,
        user_id=session.get_user_id(),
        recipe_user_id=session.get_recipe_user_id().get_as_string(),
        tenant_id=session.get_tenant_id(),
        session=session,
    )
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
    """Put the claims into the session, with the hook between choosing and writing.

    Each new access token takes a kilobyte of the answer's headers, so the claims and
    the end of the waiting are written at once, after the hook.
    """
    recipe = SessionRecipe.get_instance().recipe_implementation
    session: SessionContainer = handover.session
    try:
        # As the core has it: what an admin took out must not come back. In a context of
        # its own: the SDK would answer from that of an earlier call.
        stored = await run(
            lambda: recipe.get_session_information(session.get_handle(), {})
        )
        if stored is None:
            raise session_errors.UnauthorisedError(  # noqa: TRY301 - as a call of the SDK's would
                "Session does not exist anymore."
            )
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
        token: Any = session
        token.user_data_in_access_token = dict(payload)
        update = {**handover.into_payload, WAITING: None}
        await run(lambda: session.merge_into_access_token_payload(update))
    except session_errors.SuperTokensSessionError as error:
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


async def guest_data(
    session: SessionContainer, context: dict[str, Any] | None
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
    if isinstance(claim, dict) and claim.get(MORE) is True:
        data = await run(lambda: session.get_session_data_from_database(context))
        stored = guests(data.get(DATA_KEY if namespace is None else namespace))
        if stored is not None and claim.get("sub") in {None, stored["sub"]}:
            return stored
    found = guests(claim)
    if found is None and namespace is None:
        raise ConfigError(
            "With namespace=None nothing tells a guest's claims from others: read"
            " session.get_access_token_payload()."
        )
    return found
