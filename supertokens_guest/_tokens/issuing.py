"""How a guest JWT comes to be: checked here, signed by the core, checked again."""

import asyncio
import contextlib
import functools
import os
import threading
import time
import uuid
from collections.abc import Callable, Coroutine, Mapping
from typing import Any, Literal

from supertokens_python.recipe.jwt.interfaces import CreateJwtOkResult
from supertokens_python.recipe.jwt.recipe import JWTRecipe
from supertokens_python.recipe.openid.asyncio import create_jwt
from supertokens_python.recipe.openid.recipe import OpenIdRecipe

from supertokens_guest._background import blocks, has_threads, run_sync, submit
from supertokens_guest._runtime import Runtime, core_addresses, core_failure, current
from supertokens_guest._tokens.keys import wait
from supertokens_guest._tokens.payload import AUDIENCE, GUEST_ID, checked_payload
from supertokens_guest.errors import CoreUnavailableError, PayloadError, TokenError
from supertokens_guest.guest import Guest

SIGN_SECONDS = 10.0  # for a call by hand, which may come from a script
AT_ONCE = 8  # in a process: the SDK spends 15 to 30 ms of CPU, so more make all late

Ask = Callable[[], Coroutine[Any, Any, str]]
_places: dict[tuple[str, int], threading.BoundedSemaphore] = {}
# The same for the background loop, where nothing may block.
_turns: dict[asyncio.AbstractEventLoop, asyncio.Semaphore] = {}


def places(kind: str) -> threading.BoundedSemaphore:
    """Return the places for *kind* in this process; a forked child has its own."""
    fresh = threading.BoundedSemaphore(AT_ONCE)
    return _places.setdefault((kind, os.getpid()), fresh)


async def issue(
    payload: Mapping[str, Any] | None,
    guest_id: str | None,
    context: dict[str, Any] | None,
    *,
    code: Literal["issue", "renew"] | None = None,
    wait_seconds: float = SIGN_SECONDS,
    place: threading.BoundedSemaphore | None = None,
) -> tuple[str, Guest]:
    """Return a new token and what it says; without a *place*, wait for one."""
    runtime, ends_at = current(), time.monotonic() + wait_seconds
    with contextlib.ExitStack() as at_end:
        if place is not None:
            at_end.callback(place.release)
        claims = _new_claims(runtime, payload, guest_id)
        if runtime.verifier.keys.current() is None:
            runtime.verifier.keys.prefetch()  # while the core signs
        ask = functools.partial(_ask_core, runtime, claims, context, ends_at)
        if blocks():
            if place is None:
                if not (turn := places("call")).acquire(timeout=wait_seconds):
                    raise _late()
                at_end.callback(turn.release)
            token = run_sync(ask)
        elif _is_overridden() or not has_threads():
            # What the app's override holds may belong to its own loop.
            token = await ask()
        else:
            future = submit(ask if place else lambda: _in_turn(ask))
            ended = at_end.pop_all()  # perhaps after its caller stopped waiting
            future.add_done_callback(lambda _: ended.close())
            await wait(future, wait_seconds=ends_at - time.monotonic())
            if not future.done():
                raise _late()
            token = future.result()
    try:
        guest = await runtime.verifier.verify(token, wait_seconds=runtime.wait_seconds)
    except TokenError as error:
        raise CoreUnavailableError(
            f"The core signed a guest JWT that this app would refuse ({error.code}):"
            " compare the clocks, and look at the app's overrides of create_jwt."
        ) from error
    runtime.tell(code or ("issue" if guest_id is None else "update"), guest=guest)
    return token, guest


def _new_claims(
    runtime: Runtime, payload: Mapping[str, Any] | None, guest_id: object
) -> dict[str, Any]:
    if guest_id is None:
        guest_id = f"G-{uuid.uuid4()}"
    elif not isinstance(guest_id, str) or not GUEST_ID.fullmatch(guest_id):
        raise PayloadError(
            " id", f"does not have the form {GUEST_ID.pattern} that a guest's id has"
        )
    checked = checked_payload({} if payload is None else payload)
    return {"iss": runtime.issuer, "sub": guest_id, "aud": AUDIENCE, **checked}


async def _in_turn(ask: Ask) -> str:
    loop = asyncio.get_running_loop()
    async with _turns.setdefault(loop, asyncio.Semaphore(AT_ONCE)):
        return await ask()


def _late() -> CoreUnavailableError:
    return CoreUnavailableError(
        f"The core at {core_addresses()} did not sign a guest JWT in time."
    )


async def _ask_core(
    runtime: Runtime,
    claims: dict[str, Any],
    context: dict[str, Any] | None,
    ends_at: float,
) -> str:
    """Call the SDK and tell the core's failures from those of the app's overrides."""
    asking = create_jwt(
        claims,
        validity_seconds=runtime.config.lifetime_seconds,
        use_static_signing_key=True,
        user_context=context,
    )
    try:
        left = max(0.0, ends_at - time.monotonic())
        result = await asyncio.wait_for(asking, left)
    except asyncio.TimeoutError:
        raise _late() from None
    except Exception as error:
        failure = core_failure(error)
        if failure is None:
            raise
        raise CoreUnavailableError(
            f"The core at {core_addresses()} {failure} when asked to sign a guest JWT."
        ) from error
    if not isinstance(result, CreateJwtOkResult):
        raise CoreUnavailableError("The core does not sign with RS256.")
    return result.jwt


def _is_overridden() -> bool:
    """Tell whether the app has put functions of its own around ``create_jwt``."""
    recipes = (OpenIdRecipe.get_instance(), JWTRecipe.get_instance())
    return any(
        not type(made).__module__.startswith("supertokens_python.")
        or "create_jwt" in vars(made)
        for made in (recipe.recipe_implementation for recipe in recipes)
    )
