"""Sessions.

A refresh hands out a child of the refresh token and keeps the parent in force until
the child is first used: by `verify` with the new access token, or by `refresh` with
the new refresh token. Then the child is promoted; whoever comes with the parent after
that has stolen it, or was stolen from.
"""

from __future__ import annotations

import base64
import random
import secrets
from typing import TYPE_CHECKING

from . import jwt
from .answers import Json, RefusalError, outcome, refusal
from .routing import PUBLIC, route
from .storage import Core, RefreshToken, Session, new_id, sha256

if TYPE_CHECKING:
    from .keys import KeyRing

OWN_CLAIMS = (
    *("iat", "exp", "sub", "tId", "rsub", "sessionHandle"),
    *("refreshTokenHash1", "parentRefreshTokenHash1", "antiCsrfToken"),
)
_STRUCTURE_CHANGED = (
    "Access token does not contain all the information. "
    "Maybe the structure has changed?"
)
_NOT_RECOGNISED = (
    "io.supertokens.session.refreshToken.RefreshToken"
    "$InvalidRefreshTokenFormatException: version of refresh token not recognised"
)


@route("POST /recipe/session")
def create(
    core: Core,
    *,
    user_id: str,
    enable_anti_csrf: bool,
    user_data_in_jwt: Json,
    user_data_in_database: Json,
    use_dynamic_signing_key: bool = True,
) -> Json:
    """Make a session; any user id will do, nobody looks it up."""
    _refuse_own_claims(user_data_in_jwt)
    session = Session(
        user_id=user_id,
        payload=user_data_in_jwt,
        data=user_data_in_database,
        uses_static_key=not use_dynamic_signing_key,
        created_at_ms=core.now_ms(),
    )
    core.storage.sessions[session.handle] = session
    return _hand_out(core, session, None, with_anti_csrf=enable_anti_csrf)


@route("POST /recipe/session/verify", tenants="any")
def verify(
    core: Core,
    *,
    access_token: str,
    do_anti_csrf_check: bool,
    enable_anti_csrf: bool,
    check_database: bool,
    anti_csrf_token: str | None = None,
) -> Json:
    """Verify an access token; the first one of a refresh promotes its child."""
    token = _read(access_token, core.keys, "TRY_REFRESH_TOKEN")
    if token["exp"] * 1000 < core.now_ms():
        raise outcome("TRY_REFRESH_TOKEN", message="Access token expired")
    if do_anti_csrf_check and enable_anti_csrf:
        if token["antiCsrfToken"] is None:
            raise outcome("TRY_REFRESH_TOKEN", message=_STRUCTURE_CHANGED)
        if token["antiCsrfToken"] != anti_csrf_token:
            raise outcome("TRY_REFRESH_TOKEN", message="anti-csrf check failed")
    # That the row may have expired is not looked at.
    session = core.storage.sessions.get(token["sessionHandle"])
    if check_database and session is None:
        raise _unauthorised("Either the session has ended or has been blacklisted")
    payload = {name: token[name] for name in token if name not in OWN_CLAIMS}
    parent = token["parentRefreshTokenHash1"]
    is_behind = check_database and session and payload != session.payload
    answer = {"session": _session_json(token, payload)}
    if parent is None and not is_behind:
        return answer
    if session is None:
        raise _unauthorised("Session missing in db")
    if parent == session.refresh_hash1:
        _promote(core, session, token["refreshTokenHash1"])
    if is_behind or token["refreshTokenHash1"] == session.refresh_hash1:
        renewed = {**token, "parentRefreshTokenHash1": None, "exp": _expires_at(core)}
        answer["session"] = _session_json(token, session.payload)
        answer["accessToken"] = _access_token(core, session, renewed)
    return answer


@route("POST /recipe/session/refresh")
def refresh(
    core: Core,
    *,
    refresh_token: str,
    anti_csrf_token: str | None = None,
    enable_anti_csrf: bool,
    use_dynamic_signing_key: bool,
) -> Json:
    """Hand out a child of the refresh token, or tell of a theft."""
    hash1 = sha256(refresh_token)
    token = core.storage.refresh_tokens.get(hash1)
    if token is None:
        raise _unauthorised(_NOT_RECOGNISED)
    if enable_anti_csrf and token.anti_csrf not in {None, anti_csrf_token}:
        raise _unauthorised("Anti CSRF token missing, or not matching")
    ended = "Session missing in db or has expired"
    session = _live_session(core, token.session_handle, ended)
    if hash1 != session.refresh_hash1:
        if token.parent_hash1 != session.refresh_hash1:
            ids = {"userId": session.user_id, "recipeUserId": session.user_id}
            stolen = {"handle": session.handle, **ids}
            raise outcome("TOKEN_THEFT_DETECTED", session=stolen)
        _promote(core, session, hash1)
    session.uses_static_key = not use_dynamic_signing_key
    return _hand_out(core, session, hash1, with_anti_csrf=enable_anti_csrf)


@route("POST /recipe/session/regenerate", tenants="any")
def regenerate(
    core: Core, *, access_token: str, user_data_in_jwt: Json | None = None
) -> Json:
    """Put other claims into an access token, whose signature is not checked."""
    token = _read(access_token, None, "UNAUTHORISED")
    session = _live_session(core, token["sessionHandle"])
    if user_data_in_jwt is not None:
        _refuse_own_claims(user_data_in_jwt)
        session.payload = user_data_in_jwt
    answer = {"session": _session_json(token, session.payload)}
    if token["exp"] * 1000 >= core.now_ms():
        answer["accessToken"] = _access_token(core, session, token)
    return answer


@route("GET /recipe/session", tenants="any")
def read(core: Core, session_handle: str) -> Json:
    """Show a session, unless it has expired."""
    session = _live_session(core, session_handle)
    return {
        "sessionHandle": session.handle,
        "userId": session.user_id,
        "recipeUserId": session.user_id,
        "userDataInDatabase": session.data,
        "expiry": session.expires_at_ms,
        "userDataInJWT": session.payload,
        "timeCreated": session.created_at_ms,
        "tenantId": PUBLIC,
    }


@route("PUT /recipe/session/data", tenants="any")
def write_data(core: Core, session_handle: str, user_data_in_database: Json) -> Json:
    """Replace the data that no token shows."""
    _live_session(core, session_handle).data = user_data_in_database
    return {}


@route("PUT /recipe/jwt/data", tenants="any")
def write_payload(core: Core, session_handle: str, user_data_in_jwt: Json) -> Json:
    """Replace the claims of tokens to come."""
    _refuse_own_claims(user_data_in_jwt)
    _live_session(core, session_handle).payload = user_data_in_jwt
    return {}


@route("GET /recipe/session/user")
def handles_of_user(core: Core, user_id: str) -> Json:
    """List the sessions of a user that have not expired."""
    handles, sessions = core.storage.handles_of(user_id), core.storage.sessions
    live = [h for h in handles if sessions[h].expires_at_ms >= core.now_ms()]
    return {"sessionHandles": live}


@route("POST /recipe/session/remove")
def remove(
    core: Core,
    *,
    user_id: str | None = None,
    session_handles: list[str] | None = None,
    revoke_across_all_tenants: bool | None = None,
) -> Json:
    """End sessions, by handles or all of a user; there is one tenant."""
    if (user_id is None) == (session_handles is None):
        message = "use one of userId or sessionHandles array"
        raise refusal(400, f"Invalid JSON input - {message}")
    if user_id is None and revoke_across_all_tenants is not None:
        message = "revokeAcrossAllTenants can only be set if userId is set"
        raise refusal(400, f"Invalid JSON input - {message}")
    if user_id is not None:
        session_handles = core.storage.handles_of(user_id)
    sessions = core.storage.sessions
    removed = [h for h in session_handles or () if sessions.pop(h, None) is not None]
    return {"sessionHandlesRevoked": removed}


def _live_session(
    core: Core, handle: str, missing: str = "Session does not exist."
) -> Session:
    session = core.storage.sessions.get(handle)
    if session is None or session.expires_at_ms < core.now_ms():
        raise _unauthorised(missing)
    return session


def _unauthorised(message: str) -> RefusalError:
    return outcome("UNAUTHORISED", message=message)


def _refuse_own_claims(payload: Json) -> None:
    if any(name in payload for name in OWN_CLAIMS):
        raise refusal(400, "The user payload contains protected field")


def _promote(core: Core, session: Session, hash1: str) -> None:
    session.refresh_hash1 = hash1
    session.expires_at_ms = core.now_ms() + core.refresh_token_validity_seconds * 1000


def _hand_out(
    core: Core, session: Session, parent_hash1: str | None, *, with_anti_csrf: bool
) -> Json:
    """Answer with a refresh token, a child of its parent, and an access token."""
    now = core.now_ms()
    # As long as what a core encrypts there: an app's headers have a limit.
    size = 171 + len(session.user_id) + 93 * bool(parent_hash1) + 55 * with_anti_csrf
    sealed = base64.b64encode(secrets.token_bytes(size)).decode()
    refresh_token = f"{sealed}.{secrets.token_hex(32)}.V2"
    hash1 = sha256(refresh_token)
    anti_csrf = new_id() if with_anti_csrf else None
    kept = RefreshToken(session.handle, parent_hash1, anti_csrf)
    core.storage.refresh_tokens[hash1] = kept
    if parent_hash1 is None:
        _promote(core, session, hash1)
    token = {
        "exp": _expires_at(core, core.access_token_validity_jitter),
        "sub": session.user_id,
        "tId": PUBLIC,
        "rsub": session.user_id,
        "sessionHandle": session.handle,
        "refreshTokenHash1": hash1,
        "parentRefreshTokenHash1": parent_hash1,
        "antiCsrfToken": anti_csrf,
    }
    answer = {
        "session": _session_json(token, session.payload),
        "accessToken": _access_token(core, session, token),
        "refreshToken": {
            "token": refresh_token,
            "expiry": now + core.refresh_token_validity_seconds * 1000,
            "createdTime": now,
        },
    }
    return answer if anti_csrf is None else {**answer, "antiCsrfToken": anti_csrf}


def _expires_at(core: Core, jitter: float = 0.0) -> int:
    part = 1 - jitter * random.random()  # noqa: S311 -- nobody must not guess it
    return int(core.now_ms() / 1000 + core.access_token_validity_seconds * part)


def _access_token(core: Core, session: Session, token: Json) -> Json:
    """Sign the core's claims in *token* and the session's payload, as of now."""
    own = {**token, "iat": core.now_ms() // 1000}
    claims = {**{name: own[name] for name in OWN_CLAIMS}, **session.payload}
    key = core.keys.signing_key(static=session.uses_static_key)
    return {
        "token": jwt.encode(key, claims, version="5"),
        "expiry": own["exp"] * 1000,
        "createdTime": own["iat"] * 1000,
    }


def _read(access_token: str, keys: KeyRing | None, status: str) -> Json:
    """Return the claims of an access token; *status* is the answer without them."""
    try:
        token = jwt.decode(access_token, keys)
    except jwt.JwtError as error:
        raise outcome(status, message=str(error)) from error
    if not token.keys() >= set(OWN_CLAIMS):
        raise outcome(status, message=_STRUCTURE_CHANGED)
    return token


def _session_json(token: Json, payload: Json) -> Json:
    return {
        "handle": token["sessionHandle"],
        "userId": token["sub"],
        "recipeUserId": token["rsub"],
        "userDataInJWT": payload,
        "tenantId": PUBLIC,
    }
