"""How a guest JWT comes to be: checked here, signed by the core, checked again."""

from __future__ import annotations

import asyncio
import functools
import os
import threading
import time
import uuid
from typing import TYPE_CHECKING, Any, Literal

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

from supertokens_guest._background import blocks, has_threads, run_sync, submit
from supertokens_guest._core_errors import core_addresses, core_failure
from supertokens_guest._runtime import REQUEST_WAIT_SECONDS, current
from supertokens_guest._tokens.keys import wait
from supertokens_guest._tokens.payload import AUDIENCE, GUEST_ID, checked_payload
from supertokens_guest.errors import CoreUnavailableError, PayloadError, TokenError

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Mapping

    from supertokens_guest._runtime import Runtime
    from supertokens_guest.guest import Guest

    Ask = Callable[[], Coroutine[Any, Any, str]]

SIGN_SECONDS = 10.0
"""How long a call by hand waits for the core: it may be asked from a script, too."""

AT_ONCE = 8
"""How many guests a process has signed at a time; who comes later waits for a turn. The
SDK spends 15 to 30 ms of CPU on each call, so more at once only make all late."""


class Places:
    """Places for ``AT_ONCE`` at a time in this process; a forked child has its own."""

    def __init__(self) -> None:
        self._by_pid: dict[int, threading.BoundedSemaphore] = {}

    def take(self, wait_seconds: float = 0) -> bool:
        """Take a place, waiting for one at most so long; tell whether there was one."""
        return self._free().acquire(timeout=max(0.0, wait_seconds))

    def give_back(self) -> None:
        self._free().release()

    def _free(self) -> threading.BoundedSemaphore:
        fresh = threading.BoundedSemaphore(AT_ONCE)
        return self._by_pid.setdefault(os.getpid(), fresh)


_places = Places()
# The same for the background loop, where nothing may block.
_turns: dict[asyncio.AbstractEventLoop, asyncio.Semaphore] = {}


async def issue(
    payload: Mapping[str, Any] | None,
    guest_id: str | None,
    context: dict[str, Any] | None,
    *,
    code: Literal["issue", "renew", "update"],
    wait_seconds: float = SIGN_SECONDS,
    places: Places | None = None,
) -> tuple[str, Guest]:
    """Return a new token and what it says, verified as any other.

    Waits for a turn, unless a place was taken for this call: that is given back when
    the call has really ended, perhaps after its caller stopped waiting.
    """
    runtime, ends_at = current(), time.monotonic() + wait_seconds
    try:
        claims = _new_claims(runtime, payload, guest_id)
        runtime.verifier.keys.prefetch()
        ask = functools.partial(_ask_core, runtime, claims, context)
        if blocks() or _is_overridden() or not has_threads():
            # What the app's override holds may belong to its own loop.
            token = await _sign_here(ask, ends_at, in_turn=not places)
        else:
            future = submit(ask if places else lambda: _in_turn(ask, ends_at))
            if places is not None:
                there, places = places, None
                future.add_done_callback(lambda _: there.give_back())
            await wait(future, wait_seconds=ends_at - time.monotonic())
            if not future.done():
                raise _late()
            token = future.result()
    finally:
        if places is not None:
            places.give_back()
    limit = REQUEST_WAIT_SECONDS
    try:
        guest = await runtime.verifier.verify(token, wait_seconds=limit)
    except TokenError as error:
        raise CoreUnavailableError(
            f"The core signed a guest JWT that this app would refuse ({error.code}):"
            " compare the clocks, and look at the app's overrides of create_jwt."
        ) from error
    runtime.tell(code, guest=guest)
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


async def _sign_here(ask: Ask, ends_at: float, *, in_turn: bool) -> str:
    """Sign in this thread, as the SDK's own functions do."""

    async def within() -> str:
        try:
            left = max(0.0, ends_at - time.monotonic())
            return await asyncio.wait_for(ask(), left)
        except asyncio.TimeoutError:
            raise _late() from None

    if not blocks():
        return await within()
    if in_turn and not _places.take(ends_at - time.monotonic()):
        raise _late()
    try:
        return run_sync(within)
    finally:
        if in_turn:
            _places.give_back()


async def _in_turn(ask: Ask, ends_at: float) -> str:
    loop = asyncio.get_running_loop()
    async with _turns.setdefault(loop, asyncio.Semaphore(AT_ONCE)):
        if time.monotonic() >= ends_at:  # nobody waits for it any more
            raise _late()
        return await ask()


def _late() -> CoreUnavailableError:
    return CoreUnavailableError(
        f"The core at {core_addresses()} did not sign a guest JWT in time."
    )


async def _ask_core(
    runtime: Runtime, claims: dict[str, Any], context: dict[str, Any] | None
) -> str:
    """Call the SDK and tell the core's failures from those of the app's overrides."""
    try:
        result = await create_jwt(
            claims,
            validity_seconds=runtime.config.lifetime_seconds,
            use_static_signing_key=True,
            user_context=context,
        )
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
    openid = OpenIdRecipe.get_instance().recipe_implementation.create_jwt
    jwt = JWTRecipe.get_instance().recipe_implementation.create_jwt
    return (
        getattr(openid, "__func__", None) is not OpenIdImplementation.create_jwt
        or getattr(jwt, "__func__", None) is not JWTImplementation.create_jwt
    )
