"""The recipe of the SuperTokens documentation, written by hand the obvious way.

What the package is there to replace: tests show what goes wrong with it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import jwt
from supertokens_python import get_request_from_user_context

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from jwt.types import Options
    from supertokens_python.recipe.session.interfaces import (
        RecipeInterface,
        SessionContainer,
    )

    from testkit.core import Core

CORE_PROTECTS = frozenset(
    {
        "antiCsrfToken",
        "exp",
        "iat",
        "parentRefreshTokenHash1",
        "refreshTokenHash1",
        "rsub",
        "sessionHandle",
        "sub",
        "tId",
    }
)
"""Claims that the core refuses: who has met its answer 400 leaves these out."""

# What a verifier checks that was told nothing else; PyJWT would check more, and fail
# the login for it.
_SIGNATURE_AND_EXPIRY: Options = {
    "verify_aud": False,
    "verify_jti": False,
    "verify_nbf": False,
    "verify_sub": False,
}


def naive_override(
    core: Core, *, without: Collection[str] = CORE_PROTECTS
) -> Callable[[RecipeInterface], RecipeInterface]:
    """Return an override that merges the claims of the JWT in the cookie.

    Args:
        core: Where the keys are.
        without: Claims that it leaves out.
    """
    keys = jwt.PyJWKClient(f"{core.url}/.well-known/jwks.json")

    def override(original: RecipeInterface) -> RecipeInterface:
        create = original.create_new_session

        async def create_new_session(  # noqa: PLR0917 - the SDK's signature
            user_id: str,
            recipe_user_id: Any,
            access_token_payload: dict[str, Any] | None,
            session_data_in_database: dict[str, Any] | None,
            disable_anti_csrf: bool | None,  # noqa: FBT001 - the SDK's signature
            tenant_id: str,
            user_context: dict[str, Any],
        ) -> SessionContainer:
            request = get_request_from_user_context(user_context)
            token = None if request is None else request.get_cookie("jwt")
            if token:
                claims = jwt.decode(
                    token,
                    keys.get_signing_key_from_jwt(token).key,
                    algorithms=["RS256"],
                    options=_SIGNATURE_AND_EXPIRY,
                )
                merged = {k: v for k, v in claims.items() if k not in without}
                access_token_payload = {**(access_token_payload or {}), **merged}
            return await create(
                user_id,
                recipe_user_id,
                access_token_payload,
                session_data_in_database,
                disable_anti_csrf,
                tenant_id,
                user_context=user_context,
            )

        original.create_new_session = create_new_session  # type: ignore[method-assign]  # the SDK's own way to override
        return original

    return override
