"""How a guest JWT comes to be: checked here, signed by the core, checked again."""

from __future__ import annotations

import asyncio
import uuid
from typing import TYPE_CHECKING, Any

from supertokens_python.recipe.jwt.interfaces import CreateJwtOkResult
from supertokens_python.recipe.jwt.recipe import JWTRecipe
from supertokens_python.recipe.jwt.recipe_implementation import (
    RecipeImplementation as JWTImplementation,
)
from supertokens_python.recipe.openid.asyncio import create_jwt
from supertokens_python.recipe.openid.recipe import OpenIdRecipe
from supertokens_python.recipe.openid.recipe_implementation import (
    RecipeImplementation as OpenIdImplementation,
)

from supertokens_guest.background import refuse_here, submit
from supertokens_guest.claims import AUDIENCE, GUEST_ID, checked_payload
from supertokens_guest.core_errors import core_failure
from supertokens_guest.errors import CoreUnavailableError, PayloadError, TokenError
from supertokens_guest.running import run_sync

if TYPE_CHECKING:
    from collections.abc import Mapping

    from supertokens_guest.runtime import Runtime


def new_claims(
    runtime: Runtime, payload: Mapping[str, Any] | None, guest_id: object
) -> dict[str, Any]:
    """Return the claims that the core shall sign.

    Raises:
        PayloadError: The payload cannot be carried, or *guest_id* has another form.
    """
    if guest_id is None:
        guest_id = f"G-{uuid.uuid4()}"
    elif not isinstance(guest_id, str) or not GUEST_ID.fullmatch(guest_id):
        raise PayloadError(
            " id", f"does not have the form {GUEST_ID.pattern} that a guest's id has"
        )
    checked = checked_payload(
        {} if payload is None else payload, max_bytes=runtime.config.max_payload_bytes
    )
    return {"iss": runtime.issuer, "sub": guest_id, "aud": AUDIENCE, **checked}


async def sign(
    runtime: Runtime, claims: dict[str, Any], user_context: dict[str, Any] | None
) -> str:
    """Have the core sign *claims*, through the SDK.

    The SDK loads a CA bundle for each call, some 15 to 30 ms in which an event loop
    stands still, so the call runs on the background loop.

    Raises:
        CoreUnavailableError: The core did not answer, or not with a token.
    """
    if _is_overridden():
        # What the app's override holds may belong to its own loop.
        return await _ask_core(runtime, claims, user_context)
    future = submit(lambda: _ask_core(runtime, claims, user_context))
    return await asyncio.wrap_future(future)


def sign_sync(
    runtime: Runtime, claims: dict[str, Any], user_context: dict[str, Any] | None
) -> str:
    """Do the same where nothing can be awaited."""
    refuse_here()
    if _is_overridden():
        return run_sync(lambda: _ask_core(runtime, claims, user_context))
    return submit(lambda: _ask_core(runtime, claims, user_context)).result()


def refusal(error: TokenError) -> CoreUnavailableError:
    """Return what to raise for a new token that this app would not accept itself."""
    return CoreUnavailableError(
        f"The core signed a guest JWT that this app would refuse ({error.code}):"
        " compare the clocks, and look at the app's overrides of create_jwt."
    )


async def _ask_core(
    runtime: Runtime, claims: dict[str, Any], user_context: dict[str, Any] | None
) -> str:
    """Call the SDK and tell the core's failures from those of the app's overrides."""
    try:
        result = await create_jwt(
            claims,
            validity_seconds=runtime.config.lifetime_seconds,
            use_static_signing_key=True,
            user_context=user_context,
        )
    except Exception as error:
        failure = core_failure(error)
        if failure is None:
            raise
        message = f"The core {failure} when asked to sign a guest JWT."
        raise CoreUnavailableError(message) from error
    if not isinstance(result, CreateJwtOkResult):
        raise CoreUnavailableError("The core does not sign with RS256.")
    return result.jwt


def _is_overridden() -> bool:
    """Tell whether the app has put functions of its own around ``create_jwt``."""
    openid = OpenIdRecipe.get_instance().recipe_implementation.create_jwt
    jwt = JWTRecipe.get_instance().recipe_implementation.create_jwt
    return (
        getattr(openid, "__func__", None) is not OpenIdImplementation.create_jwt
        or getattr(jwt, "__func__", None) is not JWTImplementation.create_jwt
    )
