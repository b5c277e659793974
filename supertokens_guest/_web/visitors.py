"""What guards and verbs decide: who asks, and what becomes of the guest.

Knows no framework. What a verb changed of the guest lies in the ``Visit``: the answer
sets it, once, and a login takes it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from supertokens_python.recipe.session.asyncio import get_session
from supertokens_python.recipe.session.interfaces import (
    SessionClaimValidator,
    SessionContainer,
)
from supertokens_python.types import MaybeAwaitable

from supertokens_guest._background import run
from supertokens_guest._runtime import REQUEST_WAIT_SECONDS, current
from supertokens_guest._tokens.issuing import issue
from supertokens_guest._transfer.late import transfer_late
from supertokens_guest._web.answers import refusal, refuse_in_vain
from supertokens_guest._web.reading import read
from supertokens_guest._web.requests import visit_of
from supertokens_guest.errors import ConfigError
from supertokens_guest.guest import Visitor

if TYPE_CHECKING:
    from supertokens_guest._web.requests import Visit
    from supertokens_guest.guest import Guest

ClaimValidators = Callable[
    [list[SessionClaimValidator], SessionContainer, dict[str, Any]],
    MaybeAwaitable[list[SessionClaimValidator]],
]


def here(request: Any) -> Visit:
    """Return the visit of a request whose answer the middleware will see."""
    visit = visit_of(request)
    if not visit.has_middleware:
        raise ConfigError(
            "The guest needs an answer to travel with: add the middleware, by"
            " app.add_middleware(GuestMiddleware) in FastAPI, GuestMiddleware(app) in"
            ' Flask, "supertokens_guest.django.GuestMiddleware" in MIDDLEWARE in'
            " Django."
        )
    return visit


async def find_visitor(
    request: Any, context: dict[str, Any] | None, *, blocks: bool, **options: Any
) -> Visitor:
    """Return who asks: the session's user, or the guest, issued now if there is none.

    *options* for the SDK's ``get_session`` come from a guard: it looks for the session
    anew, transfers a waiting guest, and refuses unsafe requests of other sites.
    """
    current()
    visit, context = here(request), {} if context is None else context
    visit.was_read = True
    if options and visit.is_unsafe and visit.from_another_site(context):
        raise refusal("cross_site")
    session = None if options else visit.session
    if session is None:
        session = await run(
            lambda: get_session(
                visit.request, session_required=False, user_context=context, **options
            ),
            blocks=blocks,
        )
    if session is not None:
        if options:
            await transfer_late(visit, session, context, blocks=blocks)
        return Visitor(id=session.get_user_id(), session=session)
    guest = await current_guest(visit, blocks=blocks)
    if guest is None:
        guest = await _sign(visit, None, {}, context, blocks=blocks)
    return Visitor(id=guest.id, guest=guest)


async def current_guest(visit: Visit, *, blocks: bool) -> Guest | None:
    """Return the guest as it is now, with what this request changed."""
    visit.was_read = True
    if visit.written is not None and not visit.moved:
        return visit.written[1]
    if visit.cleared or visit.moved:
        return None
    reading = await read(visit, blocks=blocks, wait_seconds=REQUEST_WAIT_SECONDS)
    return reading.guest


async def merge(
    request: Any,
    changes: Mapping[str, Any],
    context: dict[str, Any] | None,
    *,
    blocks: bool,
) -> Guest:
    visit = here(request)
    guest = await current_guest(visit, blocks=blocks)
    payload = {**({} if guest is None else guest.payload), **changes}
    kept = {name: payload[name] for name in payload if payload[name] is not None}
    return await _sign(visit, guest, kept, context, blocks=blocks)


def clear(request: Any) -> None:
    visit = here(request)
    if visit.status is not None:
        raise refusal("answered")
    visit.written, visit.cleared = None, True


async def _sign(
    visit: Visit,
    guest: Guest | None,
    payload: Mapping[str, Any],
    context: dict[str, Any] | None,
    *,
    blocks: bool,
) -> Guest:
    """Have the answer set a guest with this payload, or raise now."""
    guest_id = None if guest is None else guest.id
    reading = await read(visit, blocks=blocks, wait_seconds=REQUEST_WAIT_SECONDS)
    if visit.written is None:
        if reading.unavailable is not None and not visit.cleared:
            raise reading.unavailable
        refuse_in_vain(visit, reading, guest_id)
    token, guest = await issue(
        payload,
        guest_id,
        context,
        code="issue" if guest_id is None else "update",
        blocks=blocks,
        wait_seconds=REQUEST_WAIT_SECONDS,
    )
    if visit.status is not None:  # a view that streams has let the answer begin
        raise refusal("answered", guest)
    visit.written, visit.cleared = (token, guest), False
    return guest
