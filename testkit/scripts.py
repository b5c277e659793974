"""A view that does what its request says, once for ``async`` and once without.

The request's header names verbs, and what the answer shall look like, so that a few
routes in each framework serve every test of the middleware, the guard and the verbs.
"""

from __future__ import annotations

import json
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from supertokens_python.recipe.session import asyncio as session_asyncio
from supertokens_python.recipe.session import syncio as session_syncio
from supertokens_python.recipe.session.claims import BooleanClaim
from supertokens_python.types import RecipeUserId

import supertokens_guest.asyncio as guests
import supertokens_guest.syncio as guests_syncio
from supertokens_guest import (
    Guest,
    GuestError,
    Visitor,
    clear_guest_cookie,
    set_guest_cookie,
)

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

HEADER = "x-script"
METHODS = ["GET", "HEAD", "POST", "OPTIONS"]

Step = tuple[Any, ...]
"""A verb's name and what follows the request among its arguments."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Script:
    """What a view does.

    Attributes:
        steps: What it calls, one after the other.
        later: What it calls when its answer has begun; the answer is then a stream.
        catches: Whether it catches our errors, and shows them.
        status: Of its answer.
        headers: More headers of its answer.
        cookies: The application's own cookies.
        by_hand: A token that it sets by ``set_guest_cookie``; empty for clearing.
        injected: Whether it writes to the response that FastAPI injects, instead of
            returning one of its own.
    """

    steps: list[Step] | tuple[Step, ...] = ()
    later: list[Step] | tuple[Step, ...] = ()
    catches: bool = False
    status: int = 200
    headers: dict[str, str] | None = None
    cookies: dict[str, str] | None = None
    by_hand: str | None = None
    injected: bool = False

    @classmethod
    def of(cls, header: str | None) -> Script:
        """Return the script of a request's header; without one a view does nothing."""
        return cls(**json.loads(header or "{}"))

    def __str__(self) -> str:
        """Return the header's value."""
        return json.dumps(asdict(self))

    def decorate(self, response: Any, request: Any) -> Any:
        """Do to a response of any framework what the script wants; return it."""
        for name, value in (self.headers or {}).items():
            response.headers[name] = value
        for name, value in (self.cookies or {}).items():
            response.set_cookie(name, value)
        if self.by_hand:
            set_guest_cookie(response, self.by_hand, request)
        elif self.by_hand is not None:
            clear_guest_cookie(response, request)
        return response


async def play(request: Any, script: Script, steps: Any = None) -> list[Any]:
    """Do the steps of *script*, and show what each returned or raised."""
    came: list[Any] = []
    for verb, *arguments in script.steps if steps is None else steps:
        with _caught(script, came):
            came.append(shown(await _VERBS[verb][0](request, *arguments)))
    return came


def play_sync(request: Any, script: Script, steps: Any = None) -> list[Any]:
    """Do the steps of *script*, and show what each returned or raised."""
    came: list[Any] = []
    for verb, *arguments in script.steps if steps is None else steps:
        with _caught(script, came):
            came.append(shown(_VERBS[verb][1](request, *arguments)))
    return came


def shown(value: Any) -> Any:
    """Return what a test wants to know of a guest or a visitor."""
    if isinstance(value, Guest):
        return {"guest": value.id, "payload": value.payload}
    if isinstance(value, Visitor):
        return {
            "id": value.id,
            "is_guest": value.guest is not None,
            "is_user": value.session is not None,
        }
    return value


@contextmanager
def _caught(script: Script, came: list[Any]) -> Iterator[None]:
    try:
        yield
    except GuestError as error:
        if not script.catches:
            raise
        came.append({"error": error.code, "says": str(error)})


async def _login(request: Any, user: str, tenant: str = "public") -> str:
    session = await session_asyncio.create_new_session(
        request, tenant, RecipeUserId(user), {}, {}, {}
    )
    return session.get_user_id()


def _login_sync(request: Any, user: str, tenant: str = "public") -> str:
    session = session_syncio.create_new_session(
        request, tenant, RecipeUserId(user), {}, {}, {}
    )
    return session.get_user_id()


async def _create(_: Any, payload: dict[str, Any] | None = None) -> str:
    return await guests.create_guest_jwt(payload)


def _create_sync(_: Any, payload: dict[str, Any] | None = None) -> str:
    return guests_syncio.create_guest_jwt(payload)


async def _data(request: Any) -> dict[str, Any] | None:
    session = (await guests.get_visitor(request)).session
    return None if session is None else await guests.get_guest_data(session)


def _data_sync(request: Any) -> dict[str, Any] | None:
    session = guests_syncio.get_visitor(request).session
    return None if session is None else guests_syncio.get_guest_data(session)


_VERBS: dict[str, tuple[Callable[..., Awaitable[Any]], Callable[..., Any]]] = {
    "get": (guests.get_guest, guests_syncio.get_guest),
    "visitor": (guests.get_visitor, guests_syncio.get_visitor),
    "merge": (
        guests.merge_into_guest_payload,
        guests_syncio.merge_into_guest_payload,
    ),
    "clear": (guests.clear_guest, guests_syncio.clear_guest),
    "create": (_create, _create_sync),
    "login": (_login, _login_sync),
    "data": (_data, _data_sync),
}

VIP: BooleanClaim = BooleanClaim("vip", fetch_value=lambda *_: False)
"""A claim that no session here has."""

GUARDS: dict[str, dict[str, Any]] = {
    "guarded": {},
    "guarded-database": {"check_database": True},
    "guarded-vip": {
        "override_global_claim_validators": lambda validators, *_: [
            *validators,
            VIP.validators.has_value(val=True),
        ]
    },
}
"""Routes behind ``verify_visitor``, by the last part of their path."""
