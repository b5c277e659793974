"""What the routes of every app under test do, once for ``async`` and once without.

Each is given the framework's own request and the body that came with it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from supertokens_python.recipe.session import asyncio as session_asyncio
from supertokens_python.recipe.session import syncio as session_syncio
from supertokens_python.types import RecipeUserId

import supertokens_guest.asyncio as guests
import supertokens_guest.syncio as guests_syncio
from supertokens_guest import without_guest_transfer

if TYPE_CHECKING:
    from supertokens_python.recipe.session.interfaces import SessionContainer

    from supertokens_guest import Guest, GuestTransfer

Body = dict[str, Any]


def _login_arguments(body: Body) -> dict[str, Any]:
    """Return the arguments of ``create_new_session`` beside the request."""
    context: dict[str, Any] = {}
    return {
        "tenant_id": "public",
        "recipe_user_id": RecipeUserId(body["user"]),
        "access_token_payload": body.get("payload"),
        "session_data_in_database": body.get("data"),
        "user_context": without_guest_transfer(context)
        if body.get("marked")
        else context,
    }


def _logged_in(session: SessionContainer, body: Body) -> Body:
    """Answer, or fail as an app's route may when the session is there."""
    if body.get("fail"):
        raise OSError("the profile could not be saved")
    return {"user": session.get_user_id()}


def _described(transfer: GuestTransfer | None) -> Body:
    """Return what a test wants to know of a transfer."""
    if transfer is None:
        return {"transfer": None}
    return {
        "transfer": {
            "guest": transfer.guest.id,
            "user": transfer.user_id,
            "moved": transfer.moved,
            "in_database": transfer.in_database,
            "dropped": transfer.dropped,
        }
    }


def _shown(guest: Guest | None) -> Body:
    """Return what a test wants to know of a guest."""
    return {"guest": None if guest is None else guest.id}


async def issue(_: Any, body: Body) -> Body:
    """Make a guest."""
    token = await guests.create_guest_jwt(body.get("payload"), body.get("guest_id"))
    return {"token": token}


def issue_sync(_: Any, body: Body) -> Body:
    """Make a guest."""
    token = guests_syncio.create_guest_jwt(body.get("payload"), body.get("guest_id"))
    return {"token": token}


async def who(request: Any, _: Body) -> Body:
    """Tell who the guest is."""
    return _shown(await guests.get_guest(request))


def who_sync(request: Any, _: Body) -> Body:
    """Tell who the guest is."""
    return _shown(guests_syncio.get_guest(request))


async def login(request: Any, body: Body) -> Body:
    """Log a user in with the app's own means."""
    for _ in range(body.get("times", 1)):
        session = await session_asyncio.create_new_session(
            request, **_login_arguments(body)
        )
    if body.get("revoke"):
        await session.revoke_session()
    return _logged_in(session, body)


def login_sync(request: Any, body: Body) -> Body:
    """Log a user in with the app's own means."""
    for _ in range(body.get("times", 1)):
        session = session_syncio.create_new_session(request, **_login_arguments(body))
    if body.get("revoke"):
        session.sync_revoke_session()
    return _logged_in(session, body)


async def me(_: Any, session: SessionContainer) -> Body:
    """Show the session's payload."""
    return session.get_access_token_payload()


def me_sync(_: Any, session: SessionContainer) -> Body:
    """Show the session's payload."""
    return session.get_access_token_payload()


async def data(_: Any, session: SessionContainer) -> Body:
    """Show what the core keeps for the session."""
    return await session.get_session_data_from_database()


def data_sync(_: Any, session: SessionContainer) -> Body:
    """Show what the core keeps for the session."""
    return session.sync_get_session_data_from_database()


async def taken(_: Any, session: SessionContainer) -> Body:
    """Show what the session took over from a guest."""
    return {"data": await guests.get_guest_data(session)}


def taken_sync(_: Any, session: SessionContainer) -> Body:
    """Show what the session took over from a guest."""
    return {"data": guests_syncio.get_guest_data(session)}


async def transfer(request: Any, session: SessionContainer) -> Body:
    """Transfer the guest now."""
    return _described(await guests.transfer_guest(request, session))


def transfer_sync(request: Any, session: SessionContainer) -> Body:
    """Transfer the guest now."""
    return _described(guests_syncio.transfer_guest(request, session))


async def again(request: Any, session: SessionContainer) -> Body:
    """Swap the session for a bare one of the same person, as the SDK may."""
    session = await session_asyncio.create_new_session(
        request, "public", session.get_recipe_user_id(), {}, {}, {}
    )
    return {"user": session.get_user_id()}


def again_sync(request: Any, session: SessionContainer) -> Body:
    """Swap the session for a bare one of the same person, as the SDK may."""
    session = session_syncio.create_new_session(
        request, "public", session.get_recipe_user_id(), {}, {}, {}
    )
    return {"user": session.get_user_id()}


async def end(_: Any, session: SessionContainer) -> Body:
    """Log out with the app's own means."""
    await session.revoke_session()
    return {}


def end_sync(_: Any, session: SessionContainer) -> Body:
    """Log out with the app's own means."""
    session.sync_revoke_session()
    return {}


ANYBODY = {
    "issue": (issue, issue_sync),
    "who": (who, who_sync),
    "login": (login, login_sync),
}
"""Routes for everybody, by the last part of their path."""

USERS = {
    "me": (me, me_sync),
    "data": (data, data_sync),
    "taken": (taken, taken_sync),
    "transfer": (transfer, transfer_sync),
    "again": (again, again_sync),
    "end": (end, end_sync),
}
"""Routes behind the SDK's ``verify_session``."""
