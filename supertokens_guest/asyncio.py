"""Guests, for code that can await. ``supertokens_guest.syncio`` has the twins."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from supertokens_guest.errors import TokenError
from supertokens_guest.guest import Guest
from supertokens_guest.handover import refuse_revoked
from supertokens_guest.issuing import new_claims, refusal, sign
from supertokens_guest.late import transfer
from supertokens_guest.reading import read, tell_rejected
from supertokens_guest.requests import wrapped
from supertokens_guest.runtime import current

if TYPE_CHECKING:
    from collections.abc import Mapping

    from supertokens_python.recipe.session.interfaces import SessionContainer

    from supertokens_guest.guest import GuestTransfer

__all__ = [
    "create_guest_jwt",
    "get_guest",
    "transfer_guest",
    "update_guest_jwt",
    "verify_guest_jwt",
]


async def create_guest_jwt(
    payload: Mapping[str, Any] | None = None,
    guest_id: str | None = None,
    user_context: dict[str, Any] | None = None,
) -> str:
    """Return a new guest JWT, signed by the core.

    Args:
        payload: What the guest shall hold, at most ``max_payload_bytes`` of it. Anybody
            who has the token can read it, and an old token stays good: put nothing in
            whose old value would profit the visitor.
        guest_id: The guest's id if the app has one: ``G-`` and 1 to 64 of
            ``A-Za-z0-9_-``. ``None`` makes a new one, ``G-<uuid4>``.
        user_context: Handed to the SDK's ``create_jwt``.

    Raises:
        PayloadError: The payload cannot be carried unchanged; the core was not called.
        CoreUnavailableError: The core did not sign, or signed what would not be
        accepted.
        KeysUnavailableError: The core signed, but did not tell its keys in time.
        Exception: What the app's own override of ``create_jwt`` raised.
        ConfigError: Guests are not set up.
    """
    return await _create(payload, guest_id, user_context, code="issue")


async def update_guest_jwt(
    guest: Guest | str,
    payload: Mapping[str, Any],
    user_context: dict[str, Any] | None = None,
) -> str:
    """Return a new guest JWT for the same guest, holding *payload* instead.

    The old token stays valid until it expires.

    Args:
        guest: The guest, or its token, which is verified first.
        payload: The whole new payload; see ``create_guest_jwt``.
        user_context: Handed to the SDK's ``create_jwt``.

    Raises:
        TokenError: The token given is not a valid guest; ``RevokedGuestError`` when
            ``is_revoked`` says so.
        PayloadError: As in ``create_guest_jwt``.
        CoreUnavailableError: As in ``create_guest_jwt``.
        KeysUnavailableError: No key could be had in time.
        ConfigError: Guests are not set up.
    """
    known = guest if isinstance(guest, Guest) else await verify_guest_jwt(guest)
    await refuse_revoked(current(), known)
    return await _create(payload, known.id, user_context, code="update")


async def verify_guest_jwt(
    token: str,
    user_context: dict[str, Any] | None = None,  # noqa: ARG001 - as in the SDK
) -> Guest:
    """Return the guest that *token* describes, once every check holds.

    Does no I/O when the token's key is known.

    Args:
        token: A compact JWT as it came in; anything may.
        user_context: Not used yet; every function of the SDK has it.

    Raises:
        TokenError: It is not a valid guest; the class and its ``code`` say why.
        KeysUnavailableError: No key could be had in time; the token may be good.
        ConfigError: Guests are not set up.
    """
    runtime = current()
    wait_seconds = runtime.config.request_wait_seconds
    try:
        return await runtime.verifier.verify(token, wait_seconds=wait_seconds)
    except TokenError as error:
        tell_rejected(runtime, error)
        raise


async def get_guest(
    request: Any,
    user_context: dict[str, Any] | None = None,  # noqa: ARG001 - as in the SDK
) -> Guest | None:
    """Return the guest whose cookie came with *request*, or ``None``.

    ``None`` without a cookie, with a bad one, with those of two guests, and while no
    key can be had: a bad guest cookie is never an error of the visitor's.

    Args:
        request: The framework's request, or the SDK's ``BaseRequest``.
        user_context: Not used yet; every function of the SDK has it.

    Raises:
        ConfigError: Guests are not set up.
        TypeError: *request* is no request.
    """
    runtime = current()
    wait_seconds = runtime.config.request_wait_seconds
    reading = await read(runtime, wrapped(request), wait_seconds=wait_seconds)
    return reading.guest


async def transfer_guest(
    request: Any,
    session: SessionContainer,
    user_context: dict[str, Any] | None = None,
) -> GuestTransfer | None:
    """Transfer the request's guest into *session*, which is already there.

    For what a login could not do itself: a second factor was still to come, the core's
    keys were out of reach, ``on_transfer`` raised. Costs nothing without a guest
    cookie.

    Args:
        request: The framework's request, or the SDK's ``BaseRequest``.
        session: The session of this request, as ``verify_session`` gives it: one that
            is attached to the response, which carries the new tokens.
        user_context: Handed to the SDK and to ``on_transfer``. Never pass that of
            ``verify_session``, which all requests of a route share.

    Returns:
        What was transferred; ``None`` when there is no guest, the core or its keys are
        out of reach, a factor is missing, or the hook raised.

    Raises:
        ConfigError: Guests are not set up.
        UnauthorisedError: The session has ended; the SDK answers 401.
    """
    context = {} if user_context is None else user_context
    return await transfer(current(), wrapped(request), session, context)


async def _create(
    payload: Mapping[str, Any] | None,
    guest_id: str | None,
    user_context: dict[str, Any] | None,
    *,
    code: Literal["issue", "update"],
) -> str:
    """Sign and verify a guest JWT."""
    runtime = current()
    token = await sign(runtime, new_claims(runtime, payload, guest_id), user_context)
    wait_seconds = runtime.config.request_wait_seconds
    try:
        guest = await runtime.verifier.verify(token, wait_seconds=wait_seconds)
    except TokenError as error:
        raise refusal(error) from error
    runtime.tell(code, guest=guest)
    return token
