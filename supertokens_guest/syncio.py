"""Guests, for code that cannot await: the twins of ``supertokens_guest.asyncio``.

Each works inside a running event loop as well, which it then blocks.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from supertokens_guest.errors import TokenError
from supertokens_guest.guest import Guest
from supertokens_guest.handover import refuse_revoked
from supertokens_guest.issuing import new_claims, refusal, sign_sync
from supertokens_guest.late import transfer
from supertokens_guest.reading import read_sync, tell_rejected
from supertokens_guest.requests import wrapped
from supertokens_guest.running import run_sync
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


def create_guest_jwt(
    payload: Mapping[str, Any] | None = None,
    guest_id: str | None = None,
    user_context: dict[str, Any] | None = None,
) -> str:
    """Return a new guest JWT; see ``supertokens_guest.asyncio.create_guest_jwt``."""
    return _create(payload, guest_id, user_context, code="issue")


def update_guest_jwt(
    guest: Guest | str,
    payload: Mapping[str, Any],
    user_context: dict[str, Any] | None = None,
) -> str:
    """Return a new guest JWT for the same guest, holding *payload* instead.

    See ``supertokens_guest.asyncio.update_guest_jwt``.
    """
    runtime = current()
    known = guest if isinstance(guest, Guest) else verify_guest_jwt(guest)
    if runtime.config.is_revoked is not None:
        run_sync(lambda: refuse_revoked(runtime, known))
    return _create(payload, known.id, user_context, code="update")


def verify_guest_jwt(
    token: str,
    user_context: dict[str, Any] | None = None,  # noqa: ARG001 - as in the SDK
) -> Guest:
    """Return the guest that *token* describes, once every check holds.

    See ``supertokens_guest.asyncio.verify_guest_jwt``.
    """
    runtime = current()
    wait_seconds = runtime.config.request_wait_seconds
    try:
        return runtime.verifier.verify_sync(token, wait_seconds=wait_seconds)
    except TokenError as error:
        tell_rejected(runtime, error)
        raise


def get_guest(
    request: Any,
    user_context: dict[str, Any] | None = None,  # noqa: ARG001 - as in the SDK
) -> Guest | None:
    """Return the guest whose cookie came with *request*, or ``None``.

    See ``supertokens_guest.asyncio.get_guest``.
    """
    runtime = current()
    wait_seconds = runtime.config.request_wait_seconds
    return read_sync(runtime, wrapped(request), wait_seconds=wait_seconds).guest


def transfer_guest(
    request: Any,
    session: SessionContainer,
    user_context: dict[str, Any] | None = None,
) -> GuestTransfer | None:
    """Transfer the request's guest into *session*, which is already there.

    See ``supertokens_guest.asyncio.transfer_guest``.
    """
    context = {} if user_context is None else user_context
    runtime, own = current(), wrapped(request)
    return run_sync(lambda: transfer(runtime, own, session, context))


def _create(
    payload: Mapping[str, Any] | None,
    guest_id: str | None,
    user_context: dict[str, Any] | None,
    *,
    code: Literal["issue", "update"],
) -> str:
    """Sign and verify a guest JWT."""
    runtime = current()
    token = sign_sync(runtime, new_claims(runtime, payload, guest_id), user_context)
    wait_seconds = runtime.config.request_wait_seconds
    try:
        guest = runtime.verifier.verify_sync(token, wait_seconds=wait_seconds)
    except TokenError as error:
        raise refusal(error) from error
    runtime.tell(code, guest=guest)
    return token
