"""A guest becomes a user: what the transfer at the login and a later one share.

They differ in how claims are written; who may be transferred, what is chosen, the app's
hook and the clearing of the cookie are here.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from supertokens_guest.budget import MAX_HEADERS_BYTES, SessionShape, headers_bytes
from supertokens_guest.claims import plain_copy
from supertokens_guest.errors import RevokedGuestError
from supertokens_guest.events import logger
from supertokens_guest.reading import read, tell_rejected
from supertokens_guest.requests import from_another_site, guest_tokens
from supertokens_guest.responses import clear_cookie
from supertokens_guest.running import call_app
from supertokens_guest.transfer import (
    NOTHING,
    SETTLED,
    Selection,
    confirmed,
    select_claims,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from supertokens_python.framework.request import BaseRequest
    from supertokens_python.framework.response import BaseResponse
    from supertokens_python.recipe.session.interfaces import SessionContainer

    from supertokens_guest.guest import Guest, GuestTransfer
    from supertokens_guest.runtime import Runtime

_MARK = "supertokens_guest_without_transfer"


def without_guest_transfer(user_context: dict[str, Any]) -> dict[str, Any]:
    """Mark *user_context*: a session that is made with it takes nothing from a guest.

    For sessions that are not the visitor's own, as when support staff log in as a
    user::

        await create_new_session(
            request, "public", user_id, user_context=without_guest_transfer({})
        )

    Args:
        user_context: The context that will be given to the SDK. Use one of its own for
            the session: the mark stays in it.

    Returns:
        The same *user_context*.
    """
    user_context[_MARK] = True
    return user_context


def leaves_guest_alone(
    access_token_payload: Mapping[str, Any], user_context: Mapping[str, Any]
) -> bool:
    """Tell whether this session is somebody's in another's name, or was marked so."""
    return bool(access_token_payload.get("isImpersonation") or user_context.get(_MARK))


@dataclass(frozen=True, kw_only=True, slots=True)
class Candidate:
    """What a login's request brought: a guest to transfer, or a token to clear.

    Attributes:
        guest: The guest, or ``None`` when none may be transferred.
        clearable: Whether all that came is ours and no good.
    """

    guest: Guest | None
    clearable: bool


async def find_candidate(
    runtime: Runtime,
    request: BaseRequest,
    user_context: dict[str, Any],
    *,
    wait_seconds: float,
) -> Candidate:
    """Return the guest whom this request may transfer; say why when it may not."""
    nobody = Candidate(guest=None, clearable=False)
    if not guest_tokens(request, runtime.config.cookie_name):
        return nobody
    if from_another_site(request, runtime.app_info, user_context):
        runtime.tell("transfer-skipped", "cross_site")
        return nobody
    reading = await read(runtime, request, wait_seconds=wait_seconds)
    if reading.ambiguous:
        runtime.tell("transfer-skipped", "ambiguous")
        return nobody
    if reading.unavailable is not None:
        # Beside a valid guest too: this token may be another's, or a newer one.
        runtime.tell("transfer-skipped", "keys_unavailable", error=reading.unavailable)
        return nobody
    if reading.guest is None:
        return Candidate(guest=None, clearable=reading.clearable)
    return await _unless_revoked(runtime, reading.guest, clearable=reading.clearable)


def choose_claims(
    runtime: Runtime,
    draft: GuestTransfer,
    *,
    present: Mapping[str, Any],
    shape: SessionShape | None,
) -> Selection:
    """Choose what of the guest enters a session that has the claims *present*.

    Args:
        runtime: The configuration.
        draft: The transfer so far, for the app's own choice.
        present: The mapping that the claims join.
        shape: What the session's headers look like; ``None`` if the claims do not
            travel in them.

    Raises:
        Exception: What the app's ``transfer`` raised, or ``PayloadError`` for claims
            that JSON cannot carry.
    """
    transfer = runtime.config.transfer
    payload = draft.guest.payload
    if transfer == "all":
        chosen: Mapping[str, Any] = payload
    elif callable(transfer):
        chosen = transfer(draft)
    else:
        chosen = {name: payload[name] for name in payload if name in transfer}
    chosen = plain_copy(chosen)
    if not chosen and transfer != "all":
        return NOTHING

    def fits(added: Mapping[str, Any]) -> bool:
        if shape is None:
            return True
        return headers_bytes(shape, {**present, **added}) <= MAX_HEADERS_BYTES

    return select_claims(
        chosen,
        guest_id=draft.guest.id,
        present=present,
        namespace=runtime.config.namespace,
        fits=fits,
    )


async def complete(
    runtime: Runtime,
    draft: GuestTransfer,
    session: SessionContainer,
    selection: Selection,
) -> GuestTransfer | None:
    """Tell the app of a transfer that is written, and clear the cookie if all is done.

    Returns:
        What was transferred; ``None`` if the app's hook failed, so that the guest is
        kept and tried again.
    """
    if runtime.config.transfer_to == "access_token_payload":
        payload = session.get_access_token_payload()
        selection = confirmed(selection, payload, runtime.config.namespace)
    transfer = replace(
        draft,
        session=session,
        user_id=session.get_user_id(),
        moved=selection.moved,
        dropped=selection.dropped,
    )
    hook = runtime.config.on_transfer
    if hook is not None:
        try:
            await call_app(hook, transfer)
        except Exception as error:  # noqa: BLE001 - the hook is the app's
            logger.exception("on_transfer raised; the guest is kept")
            runtime.tell("transfer-failed", "hook", guest=draft.guest, error=error)
            return None
    left_behind = set(selection.dropped.values()) - SETTLED
    if hook is not None or not left_behind:
        clear_on_response(runtime, session, draft.request)
    if left_behind:
        logger.warning(
            "claims of a guest did not enter the session: %s", sorted(left_behind)
        )
    runtime.tell(
        "transfer",
        min(left_behind, default=None),
        guest=draft.guest,
        user_id=transfer.user_id,
    )
    return transfer


def clear_on_response(
    runtime: Runtime, session: SessionContainer, request: BaseRequest
) -> None:
    """Have the response that carries *session* clear the guest cookie."""

    def clear(response: BaseResponse, _user_context: dict[str, Any]) -> None:
        # Flask hands every mutator an empty context, so the request is kept from here.
        original: Any = response.original  # type: ignore[attr-defined]  # all three have it
        try:
            clear_cookie(original, runtime.cookie_attributes(request, {}))
        except Exception:  # noqa: BLE001 - the login has already succeeded
            logger.exception("the guest cookie could not be cleared")

    session.response_mutators.append(clear)


def session_shape(
    runtime: Runtime, draft: GuestTransfer, *, disable_anti_csrf: bool
) -> SessionShape | None:
    """Return what bounds a session's claims; ``None`` if no header carries them."""
    if runtime.config.transfer_to != "access_token_payload":
        return None
    session = runtime.session_config
    return SessionShape(
        user_id=max(draft.user_id, draft.recipe_user_id, key=len),
        tenant_id=draft.tenant_id,
        cookie_domain=session.cookie_domain,
        refresh_path=session.refresh_token_path.get_as_string_dangerous(),
        secure=session.cookie_secure,
        anti_csrf=not disable_anti_csrf
        and session.anti_csrf_function_or_string == "VIA_TOKEN",
        token_in_header=session.expose_access_token_to_frontend_in_cookie_based_auth,
    )


async def refuse_revoked(runtime: Runtime, guest: Guest) -> None:
    """Ask the app whether *guest* was withdrawn.

    Raises:
        RevokedGuestError: It was.
        Exception: What ``is_revoked`` raised.
    """
    ask = runtime.config.is_revoked
    if ask is not None and await call_app(ask, guest):
        error = RevokedGuestError("is_revoked says so.")
        tell_rejected(runtime, error, guest)
        raise error


async def _unless_revoked(
    runtime: Runtime, guest: Guest, *, clearable: bool
) -> Candidate:
    """Return *guest* as the candidate, unless the app says that it was withdrawn."""
    try:
        await refuse_revoked(runtime, guest)
    except RevokedGuestError:
        return Candidate(guest=None, clearable=True)
    except Exception as error:  # noqa: BLE001 - the function is the app's
        logger.exception("is_revoked raised; the guest is kept")
        runtime.tell("transfer-failed", "is_revoked", guest=guest, error=error)
        return Candidate(guest=None, clearable=False)
    return Candidate(guest=guest, clearable=clearable)
