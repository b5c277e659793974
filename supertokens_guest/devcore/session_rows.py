"""Sessions as rows: read one, change its data, list and remove them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .call import RefusalError
from .tokens import refuse_protected_claims

if TYPE_CHECKING:
    from .call import Call
    from .state import CoreState
    from .storage import Session

_MISSING = {"status": "UNAUTHORISED", "message": "Session does not exist."}


def read(core: CoreState, call: Call) -> dict[str, Any]:
    """``GET /recipe/session``: the row, unless it has expired."""
    session = _find(core, call.parameter("sessionHandle"))
    if session is None:
        return _MISSING
    return {
        "sessionHandle": session.handle,
        "userId": session.user_id,
        "recipeUserId": session.user_id,
        "userDataInDatabase": session.data,
        "expiry": session.expires_at_ms,
        "userDataInJWT": session.payload,
        "timeCreated": session.created_at_ms,
        "tenantId": "public",
        "status": "OK",
    }


def write_data(core: CoreState, call: Call) -> dict[str, Any]:
    """``PUT /recipe/session/data``: replace the data kept in the database."""
    handle = call.text("sessionHandle")
    data = call.mapping("userDataInDatabase")
    session = _find(core, handle)
    if session is None:
        return _MISSING
    session.data = data
    return {"status": "OK"}


def write_payload(core: CoreState, call: Call) -> dict[str, Any]:
    """``PUT /recipe/jwt/data``: replace the claims of tokens to come."""
    handle = call.text("sessionHandle")
    payload = call.mapping("userDataInJWT")
    refuse_protected_claims(payload)
    session = _find(core, handle)
    if session is None:
        return _MISSING
    session.payload = payload
    return {"status": "OK"}


def handles_of_user(core: CoreState, call: Call) -> dict[str, Any]:
    """``GET /recipe/session/user``: the handles of sessions that have not expired."""
    handles = core.storage.handles_of(call.parameter("userId"))
    live = [handle for handle in handles if _find(core, handle) is not None]
    return {"status": "OK", "sessionHandles": live}


def remove(core: CoreState, call: Call) -> dict[str, Any]:
    """``POST /recipe/session/remove``: by handles, or all of a user."""
    user_id = call.text_or_none("userId")
    handles = call.texts("sessionHandles") if "sessionHandles" in call.fields else None
    if (user_id is None) == (handles is None):
        raise RefusalError(
            400, "Invalid JSON input - use one of userId or sessionHandles array"
        )
    for flag in ("revokeAcrossAllTenants", "revokeSessionsForLinkedAccounts"):
        if call.flag_or_none(flag) is not None and user_id is None:
            raise RefusalError(
                400, f"Invalid JSON input - {flag} can only be set if userId is set"
            )
    if user_id is not None:
        handles = core.storage.handles_of(user_id)
    sessions = core.storage.sessions
    removed = [
        handle for handle in handles or () if sessions.pop(handle, None) is not None
    ]
    return {"status": "OK", "sessionHandlesRevoked": removed}


def _find(core: CoreState, handle: str) -> Session | None:
    session = core.storage.sessions.get(handle)
    if session is None or session.expires_at_ms < core.now_ms():
        return None
    return session
