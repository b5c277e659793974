"""Guests, for code that cannot await: the twins of ``supertokens_guest.asyncio``.

Each works inside a running event loop as well, which it then blocks.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from supertokens_guest._background import BLOCK, run_blocking
from supertokens_guest._runtime import REQUEST_WAIT_SECONDS, current
from supertokens_guest._tokens.issuing import issue
from supertokens_guest._transfer.late import guest_data, transfer_late
from supertokens_guest._web import visits
from supertokens_guest._web.requests import wrapped
from supertokens_guest.errors import TokenError
from supertokens_guest.guest import Guest

if TYPE_CHECKING:
    from collections.abc import Mapping

    from supertokens_python.recipe.session.interfaces import SessionContainer

    from supertokens_guest.guest import GuestTransfer, Visitor

__all__ = [
    "clear_guest",
    "create_guest_jwt",
    "get_guest",
    "get_guest_data",
    "get_visitor",
    "merge_into_guest_payload",
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
    runtime = current()
    return run_blocking(
        issue(runtime, payload, guest_id, user_context, code="issue", edge=BLOCK)
    )[0]


def update_guest_jwt(
    guest: Guest | str,
    payload: Mapping[str, Any],
    user_context: dict[str, Any] | None = None,
) -> str:
    """Return a new guest JWT for the same guest, holding *payload* instead.

    See ``supertokens_guest.asyncio.update_guest_jwt``.
    """
    known = guest if isinstance(guest, Guest) else verify_guest_jwt(guest)
    runtime = current()
    return run_blocking(
        issue(runtime, payload, known.id, user_context, code="update", edge=BLOCK)
    )[0]


def verify_guest_jwt(
    token: str,
    user_context: dict[str, Any] | None = None,  # noqa: ARG001 - as in the SDK
) -> Guest:
    """Return the guest that *token* describes, once every check holds.

    See ``supertokens_guest.asyncio.verify_guest_jwt``.
    """
    runtime = current()
    try:
        return runtime.verifier.verify_sync(token, wait_seconds=REQUEST_WAIT_SECONDS)
    except TokenError as error:
        runtime.tell("verify-rejected", error.code, error=error)
        raise


def get_guest(
    request: Any,
    user_context: dict[str, Any] | None = None,  # noqa: ARG001 - as in the SDK
) -> Guest | None:
    """Return the guest who came with *request*, or ``None``.

    See ``supertokens_guest.asyncio.get_guest``.
    """
    return run_blocking(visits.current_guest(current(), wrapped(request), BLOCK))


def get_guest_data(
    session: SessionContainer,
    user_context: dict[str, Any] | None = None,
) -> dict[str, Any] | None:
    """Return what *session* took over from a guest, or ``None``.

    See ``supertokens_guest.asyncio.get_guest_data``.
    """
    return run_blocking(guest_data(current(), session, BLOCK, user_context))


def transfer_guest(
    request: Any,
    session: SessionContainer,
    user_context: dict[str, Any] | None = None,
) -> GuestTransfer | None:
    """Transfer the guest that the login of *session* left waiting.

    A plain ``on_transfer`` runs at once, in this thread. See
    ``supertokens_guest.asyncio.transfer_guest``.
    """
    context = {} if user_context is None else user_context
    return run_blocking(
        transfer_late(current(), wrapped(request), session, context, BLOCK)
    )


def get_visitor(request: Any, user_context: dict[str, Any] | None = None) -> Visitor:
    """Return who asks: the session's user, or the guest, issued now if there is none.

    See ``supertokens_guest.asyncio.get_visitor``.
    """
    return run_blocking(
        visits.find_visitor(
            wrapped(request), BLOCK, user_context=user_context, guards=False
        )
    )


def merge_into_guest_payload(
    request: Any,
    changes: Mapping[str, Any],
    user_context: dict[str, Any] | None = None,
) -> Guest:
    """Merge *changes* into the guest's payload, at its top level.

    See ``supertokens_guest.asyncio.merge_into_guest_payload``.
    """
    return run_blocking(visits.merge(wrapped(request), changes, BLOCK, user_context))


def clear_guest(
    request: Any,
    user_context: dict[str, Any] | None = None,  # noqa: ARG001 - as in the SDK
) -> None:
    """Have the answer to *request* clear the guest, where the middleware sees it.

    See ``supertokens_guest.asyncio.clear_guest``.
    """
    visits.clear(wrapped(request))
