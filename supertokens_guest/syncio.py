"""Guests, for code that cannot await: the twins of ``supertokens_guest.asyncio``.

What they take, return and raise stands there. Each works inside a running event loop as
well, which it then blocks.
"""

from collections.abc import Mapping
from typing import Any

from supertokens_python.recipe.session.interfaces import SessionContainer

from supertokens_guest._background import run_blocking
from supertokens_guest._tokens.issuing import issue
from supertokens_guest._transfer.late import guest_data, transfer_late
from supertokens_guest._web import visitors, visits
from supertokens_guest._web.requests import visit_of
from supertokens_guest.guest import Guest, GuestTransfer, Visitor

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
    """Return a new guest JWT, signed by the core."""
    issuing = issue(payload, guest_id, user_context, code="issue", blocks=True)
    return run_blocking(issuing)[0]


def update_guest_jwt(
    guest: Guest | str,
    payload: Mapping[str, Any],
    user_context: dict[str, Any] | None = None,
) -> str:
    """Return a new guest JWT for the same guest, holding *payload* instead."""
    return run_blocking(visits.update(guest, payload, user_context, blocks=True))


def verify_guest_jwt(token: str, user_context: dict[str, Any] | None = None) -> Guest:
    """Return the guest that *token* describes; no I/O when the token's key is known."""
    return run_blocking(visits.verify(token, blocks=True))


def get_guest(request: Any, user_context: dict[str, Any] | None = None) -> Guest | None:
    """Return the guest who came with the framework's *request*, or ``None``."""
    return run_blocking(visitors.current_guest(visit_of(request), blocks=True))


def get_guest_data(
    session: SessionContainer, user_context: dict[str, Any] | None = None
) -> dict[str, Any] | None:
    """Return what *session* took over from a guest; ``None`` if nothing."""
    return run_blocking(guest_data(session, user_context, blocks=True))


def transfer_guest(
    request: Any, session: SessionContainer, user_context: dict[str, Any] | None = None
) -> GuestTransfer | None:
    """Transfer the guest left waiting; a plain ``on_transfer`` runs in this thread."""
    context = {} if user_context is None else user_context
    late = transfer_late(visit_of(request), session, context, blocks=True)
    return run_blocking(late)


def get_visitor(request: Any, user_context: dict[str, Any] | None = None) -> Visitor:
    """Return who asks: the session's user, or the guest, issued now if need be."""
    return run_blocking(visitors.find_visitor(request, user_context, blocks=True))


def merge_into_guest_payload(
    request: Any, changes: Mapping[str, Any], user_context: dict[str, Any] | None = None
) -> Guest:
    """Merge *changes* into the guest's payload; ``None`` removes a name."""
    return run_blocking(visitors.merge(request, changes, user_context, blocks=True))


def clear_guest(request: Any, user_context: dict[str, Any] | None = None) -> None:
    """Have the answer to *request* clear the guest, where the middleware sees it."""
    visitors.clear(request)
