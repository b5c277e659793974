"""The tokens of a session, as the answers that hand them out show them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .tokens import AccessToken, RefreshToken, sha256

if TYPE_CHECKING:
    from .state import CoreState
    from .storage import Session


def pair_of_tokens(
    core: CoreState,
    session: Session,
    *,
    parent_hash1: str | None,
    anti_csrf: str | None,
) -> dict[str, Any]:
    """Return the answer that hands out a refresh token and an access token.

    *parent_hash1* is of the refresh token that was given for them, if one was.
    """
    sealed = RefreshToken(session.handle, session.user_id, parent_hash1, anti_csrf)
    refresh_token = sealed.encode(core.refresh_secret)
    now = core.now_ms()
    access_token = access_token_json(
        core,
        session,
        refresh_hash1=sha256(refresh_token),
        parent_hash1=parent_hash1,
        anti_csrf=anti_csrf,
    )
    answer = {
        "session": {
            "handle": session.handle,
            "userId": session.user_id,
            "recipeUserId": session.user_id,
            "userDataInJWT": session.payload,
            "tenantId": "public",
        },
        "accessToken": access_token,
        "refreshToken": {
            "token": refresh_token,
            "expiry": now + core.refresh_token_validity_seconds * 1000,
            "createdTime": now,
        },
        "status": "OK",
    }
    if anti_csrf is not None:
        answer["antiCsrfToken"] = anti_csrf
    return answer


def access_token_json(  # noqa: PLR0913 -- the claims that differ between callers
    core: CoreState,
    session: Session,
    *,
    refresh_hash1: str,
    parent_hash1: str | None,
    anti_csrf: str | None,
    expires_at: int | None = None,
) -> dict[str, Any]:
    """Return a new access token as answers show it; a full validity by default."""
    now = core.now_ms()
    if expires_at is None:
        expires_at = (now + core.access_token_validity_seconds * 1000) // 1000
    token = AccessToken(
        session_handle=session.handle,
        user_id=session.user_id,
        recipe_user_id=session.user_id,
        refresh_hash1=refresh_hash1,
        parent_hash1=parent_hash1,
        anti_csrf=anti_csrf,
        issued_at=now // 1000,
        expires_at=expires_at,
        payload=session.payload,
    )
    return {
        "token": token.encode(core.keys.signing_key(static=session.uses_static_key)),
        "expiry": token.expires_at * 1000,
        "createdTime": token.issued_at * 1000,
    }


def session_json(token: AccessToken, payload: dict[str, Any]) -> dict[str, Any]:
    """Return the session as the answers to a token show it."""
    return {
        "handle": token.session_handle,
        "userId": token.user_id,
        "recipeUserId": token.recipe_user_id,
        "userDataInJWT": payload,
        "tenantId": "public",
    }
