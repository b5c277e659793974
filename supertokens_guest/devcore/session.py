"""Sessions: create, verify, refresh, regenerate (CDI 5.1 to 5.4).

A refresh hands out a child of the refresh token and keeps the parent in force until
the child is first used: by `verify` with the new access token, or by `refresh` with
the new refresh token. Then the child is promoted; whoever comes with the parent after
that has stolen it, or was stolen from.
"""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

from .call import RefusalError
from .session_tokens import access_token_json, pair_of_tokens, session_json
from .storage import Session
from .tokens import (
    STRUCTURE_CHANGED,
    MalformedTokenError,
    TokenReadError,
    read_access_token,
    read_refresh_token,
    refuse_protected_claims,
    sha256,
)

if TYPE_CHECKING:
    from .call import Call
    from .state import CoreState
    from .tokens import AccessToken


def create(core: CoreState, call: Call) -> dict[str, Any]:
    """``POST /recipe/session``: any user id will do; nobody looks it up."""
    user_id = call.text("userId")
    with_anti_csrf = call.flag("enableAntiCsrf")
    payload = call.mapping("userDataInJWT")
    data = call.mapping("userDataInDatabase")
    dynamic = call.flag_or_none("useDynamicSigningKey")
    refuse_protected_claims(payload)
    now = core.now_ms()
    session = Session(
        handle=str(uuid.uuid4()),
        user_id=user_id,
        refresh_hash2="",
        payload=payload,
        data=data,
        created_at_ms=now,
        expires_at_ms=now + core.refresh_token_validity_seconds * 1000,
        uses_static_key=dynamic is False,
    )
    anti_csrf = str(uuid.uuid4()) if with_anti_csrf else None
    answer = pair_of_tokens(core, session, parent_hash1=None, anti_csrf=anti_csrf)
    refresh_token = answer["refreshToken"]["token"]
    session.refresh_hash2 = sha256(sha256(refresh_token))
    core.storage.sessions[session.handle] = session
    return answer


def verify(core: CoreState, call: Call) -> dict[str, Any]:
    """``POST /recipe/session/verify``: promotes a refreshed session's child."""
    given = call.text("accessToken")
    checks_anti_csrf = call.flag("doAntiCsrfCheck")
    checks_anti_csrf &= call.flag("enableAntiCsrf")
    checks_database = call.flag("checkDatabase")
    anti_csrf = call.text_or_none("antiCsrfToken")
    try:
        token = _live_token(core, given, anti_csrf, checks_anti_csrf=checks_anti_csrf)
    except TokenReadError as error:
        return {"status": "TRY_REFRESH_TOKEN", "message": str(error)}
    session = core.storage.sessions.get(token.session_handle)
    if checks_database and session is None:
        return _unauthorised("Either the session has ended or has been blacklisted")
    is_behind = checks_database and session and token.payload != session.payload
    if token.parent_hash1 is None and not is_behind:
        return {"session": session_json(token, token.payload), "status": "OK"}
    if session is None:
        return _unauthorised("Session missing in db")
    return _renewed(core, session, token, is_behind=bool(is_behind))


def _live_token(
    core: CoreState, given: str, anti_csrf: str | None, *, checks_anti_csrf: bool
) -> AccessToken:
    token = read_access_token(given, core.keys)
    if token.expires_at * 1000 < core.now_ms():
        raise TokenReadError("Access token expired")
    if checks_anti_csrf and token.anti_csrf is None:
        raise TokenReadError(STRUCTURE_CHANGED)
    if checks_anti_csrf and anti_csrf != token.anti_csrf:
        raise TokenReadError("anti-csrf check failed")
    return token


def _renewed(
    core: CoreState, session: Session, token: AccessToken, *, is_behind: bool
) -> dict[str, Any]:
    promotes = (
        token.parent_hash1 is not None
        and sha256(token.parent_hash1) == session.refresh_hash2
    )
    if promotes:
        _promote(core, session, sha256(token.refresh_hash1))
    if not (is_behind or sha256(token.refresh_hash1) == session.refresh_hash2):
        return {"session": session_json(token, token.payload), "status": "OK"}
    return {
        "session": session_json(token, session.payload),
        "accessToken": access_token_json(
            core,
            session,
            refresh_hash1=token.refresh_hash1,
            parent_hash1=None,
            anti_csrf=token.anti_csrf,
        ),
        "status": "OK",
    }


def refresh(core: CoreState, call: Call) -> dict[str, Any]:
    """``POST /recipe/session/refresh``: a child, or token theft."""
    given = call.text("refreshToken")
    anti_csrf = call.text_or_none("antiCsrfToken")
    with_anti_csrf = call.flag("enableAntiCsrf")
    dynamic = call.flag("useDynamicSigningKey")
    try:
        token = read_refresh_token(given, core.refresh_secret)
    except TokenReadError as error:
        return _unauthorised(str(error))
    if with_anti_csrf and (anti_csrf is None or anti_csrf != token.anti_csrf):
        return _unauthorised("Anti CSRF token missing, or not matching")
    session = core.storage.sessions.get(token.session_handle)
    if session is None or session.expires_at_ms < core.now_ms():
        return _unauthorised("Session missing in db or has expired")
    parent_hash1 = sha256(given)
    hash2 = sha256(parent_hash1)
    if hash2 != session.refresh_hash2:
        if token.parent_hash1 is None or (
            sha256(token.parent_hash1) != session.refresh_hash2
        ):
            ids = {"userId": session.user_id, "recipeUserId": session.user_id}
            return {
                "status": "TOKEN_THEFT_DETECTED",
                "session": {"handle": session.handle, **ids},
            }
        _promote(core, session, hash2)
    session.uses_static_key = not dynamic
    return pair_of_tokens(
        core,
        session,
        parent_hash1=parent_hash1,
        anti_csrf=str(uuid.uuid4()) if with_anti_csrf else None,
    )


def regenerate(core: CoreState, call: Call) -> dict[str, Any]:
    """``POST /recipe/session/regenerate``: new claims; the signature is not checked."""
    given = call.text("accessToken")
    payload = call.mapping_or_none("userDataInJWT")
    try:
        token = read_access_token(given)
    except MalformedTokenError as error:
        raise RefusalError(500, str(error)) from error
    except TokenReadError as error:
        return _unauthorised(str(error))
    session = core.storage.sessions.get(token.session_handle)
    if session is None or session.expires_at_ms < core.now_ms():
        return _unauthorised("Session does not exist.")
    if payload is not None:
        refuse_protected_claims(payload)
        session.payload = payload
    answer = {"session": session_json(token, session.payload), "status": "OK"}
    if token.expires_at * 1000 >= core.now_ms():
        answer["accessToken"] = access_token_json(
            core,
            session,
            refresh_hash1=token.refresh_hash1,
            parent_hash1=token.parent_hash1,
            anti_csrf=token.anti_csrf,
            expires_at=token.expires_at,
        )
    return answer


def _promote(core: CoreState, session: Session, hash2: str) -> None:
    session.refresh_hash2 = hash2
    session.expires_at_ms = core.now_ms() + core.refresh_token_validity_seconds * 1000


def _unauthorised(message: str) -> dict[str, Any]:
    return {"status": "UNAUTHORISED", "message": message}
