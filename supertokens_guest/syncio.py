"""Guests, for code that cannot await: the twins of ``supertokens_guest.asyncio``.

What they do and raise stands there. Inside a running event loop each blocks it.
"""

from collections.abc import Mapping
from typing import Any

from supertokens_python.recipe.session import SessionContainer

from supertokens_guest import asyncio as twin
from supertokens_guest._background import run_blocking
from supertokens_guest.guest import Guest, GuestTransfer, Visitor

__all__ = twin.__all__


def create_guest_jwt(
    payload: Mapping[str, Any] | None = None,
    guest_id: str | None = None,
    user_context: dict[str, Any] | None = None,
) -> str:
    """Return a new guest JWT, signed by the core."""
    return run_blocking(twin.create_guest_jwt(payload, guest_id, user_context))


def update_guest_jwt(
    guest: Guest | str,
    payload: Mapping[str, Any],
    user_context: dict[str, Any] | None = None,
) -> str:
    """Return a new guest JWT for the same guest, holding *payload* instead."""
    return run_blocking(twin.update_guest_jwt(guest, payload, user_context))


def verify_guest_jwt(token: str, user_context: dict[str, Any] | None = None) -> Guest:
    """Return the guest that *token* describes; no I/O when the token's key is known."""
    return run_blocking(twin.verify_guest_jwt(token, user_context))


def get_guest(request: Any, user_context: dict[str, Any] | None = None) -> Guest | None:
    """Return the guest who came with *request*."""
    return run_blocking(twin.get_guest(request, user_context))


def get_guest_data(
    session: SessionContainer, user_context: dict[str, Any] | None = None
) -> dict[str, Any] | None:
    """Return what *session* took over from a guest."""
    return run_blocking(twin.get_guest_data(session, user_context))


def transfer_guest(
    request: Any, session: SessionContainer, user_context: dict[str, Any] | None = None
) -> GuestTransfer | None:
    """Transfer the guest that the login left waiting; a plain hook runs at once."""
    return run_blocking(twin.transfer_guest(request, session, user_context))


def get_visitor(request: Any, user_context: dict[str, Any] | None = None) -> Visitor:
    """Return who asks, a user or a guest."""
    return run_blocking(twin.get_visitor(request, user_context))


def merge_into_guest_payload(
    request: Any, changes: Mapping[str, Any], user_context: dict[str, Any] | None = None
) -> Guest:
    """Merge *changes* into the guest's payload."""
    return run_blocking(twin.merge_into_guest_payload(request, changes, user_context))


def clear_guest(request: Any, user_context: dict[str, Any] | None = None) -> None:
    """Have the answer clear the guest."""
    run_blocking(twin.clear_guest(request, user_context))
