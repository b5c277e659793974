"""Every decision of the middleware, the guards and the verbs; knows no framework.

The state of a request lies in its own mapping, as a ``Visit``: what a verb changed of
the guest is what the answer sets, once, and what a login takes.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from supertokens_python.normalised_url_path import NormalisedURLPath
from supertokens_python.recipe.session.asyncio import get_session

from supertokens_guest._runtime import REQUEST_WAIT_SECONDS, Runtime, current
from supertokens_guest._tokens.issuing import Places, issue
from supertokens_guest._transfer.late import transfer_late
from supertokens_guest._web.answers import (
    SERVER_ERROR,
    drop,
    give,
    may_issue,
    perform,
    refusal,
    refuse_in_vain,
    take_over,
)
from supertokens_guest._web.cookies import is_for_all, vary_by_cookie
from supertokens_guest._web.reading import read
from supertokens_guest._web.requests import (
    from_another_site,
    is_unsafe,
    session_claims,
    session_of,
    visit_of,
    withholds_cookies,
)
from supertokens_guest.errors import ConfigError, GuestError
from supertokens_guest.events import logger
from supertokens_guest.guest import Guest, Visitor

if TYPE_CHECKING:
    from collections.abc import Mapping

    from supertokens_python.framework.request import BaseRequest

    from supertokens_guest._background import Edge
    from supertokens_guest._web.requests import Visit

RENEW_SECONDS = 30 * 24 * 60 * 60
"""The age from which a guest who comes back gets a new token: a cookie lives 400 days
at most, so who returns within them never loses its identity."""

PAUSE_SECONDS = 5.0
"""How long nothing is issued or renewed by itself after the core failed to sign."""

MAX_REMEMBERED = 1_024
"""Cookie headers that are known to need nothing."""

_CLIENT_ERROR = 400
# What no visitor looks at by itself, so that no guest need be there for it.
_EMBEDDED = frozenset({"image", "script", "style", "font", "audio", "video"})

_eager = Places()
_quiet: dict[tuple[int, bytes | str], tuple[object, float]] = {}


# Guards and verbs


def here(request: BaseRequest) -> Visit:
    """Return the visit of a request whose answer the middleware will see.

    Raises:
        ConfigError: The app has no ``GuestMiddleware``.
    """
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
    request: BaseRequest,
    edge: Edge,
    *,
    user_context: dict[str, Any] | None = None,
    guards: bool = True,
    **options: Any,
) -> Visitor:
    """Return who asks: the session's user, or the guest, issued now if there is none.

    Args:
        request: The request.
        edge: How to do I/O.
        user_context: Handed to the SDK.
        guards: Whether to refuse an unsafe request of another site, and to look for the
            session anew, with these *options* of the SDK's ``get_session``.
        options: See *guards*.

    Raises:
        GuestRefusedError: Another site started an unsafe request, or no guest may be
            set.
        CoreUnavailableError: A guest is needed, and the core did not sign one in time.
        KeysUnavailableError: A guest is needed, and the one that came cannot be judged.
        SuperTokensError: The session has expired or lacks a claim; the SDK answers it.
        ConfigError: The app has no ``GuestMiddleware``.
    """
    runtime, visit = current(), here(request)
    context = {} if user_context is None else user_context
    visit.was_read = True
    if guards and is_unsafe(request) and from_another_site(runtime, request, context):
        raise refusal(runtime, "cross_site")
    session = None if guards else session_of(request)
    if session is None:
        session = await edge.run(
            lambda: get_session(
                request, session_required=False, user_context=context, **options
            )
        )
    if session is not None:
        if guards:
            await transfer_late(runtime, request, session, context, edge)
        return Visitor(id=session.get_user_id(), session=session)
    guest = await current_guest(runtime, request, edge)
    if guest is None:
        guest = await _sign(runtime, request, edge, None, {}, context)
    return Visitor(id=guest.id, guest=guest)


async def current_guest(
    runtime: Runtime, request: BaseRequest, edge: Edge
) -> Guest | None:
    """Return the guest as it is now, with what this request changed."""
    visit = visit_of(request)
    visit.was_read = True
    if visit.written is not None:
        return visit.written[1]
    if visit.cleared:
        return None
    reading = await read(runtime, request, edge, wait_seconds=REQUEST_WAIT_SECONDS)
    return reading.guest


async def merge(
    request: BaseRequest,
    changes: Mapping[str, Any],
    edge: Edge,
    user_context: dict[str, Any] | None,
) -> Guest:
    """Sign the guest anew with *changes* in its payload; see the verb."""
    runtime = current()
    here(request)
    guest = await current_guest(runtime, request, edge)
    payload = {} if guest is None else dict(guest.payload)
    for name, value in dict(changes).items():
        if value is None:
            payload.pop(name, None)
        else:
            payload[name] = value
    return await _sign(runtime, request, edge, guest, payload, user_context)


def clear(request: BaseRequest) -> None:
    """Have the answer clear the guest; see the verb."""
    runtime, visit = current(), here(request)
    if visit.status is not None:
        raise refusal(runtime, "answered")
    visit.written, visit.cleared = None, True


async def _sign(
    runtime: Runtime,
    request: BaseRequest,
    edge: Edge,
    guest: Guest | None,
    payload: Mapping[str, Any],
    user_context: dict[str, Any] | None,
) -> Guest:
    """Have the answer set a guest with this payload, or raise now."""
    visit = visit_of(request)
    if visit.written is None:
        limit = REQUEST_WAIT_SECONDS
        reading = await read(runtime, request, edge, wait_seconds=limit)
        if reading.unavailable is not None:
            raise reading.unavailable
        guest_id = None if guest is None else guest.id
        refuse_in_vain(runtime, request, reading, guest_id=guest_id)
    elif visit.status is not None:
        raise refusal(runtime, "answered", guest)
    token, guest = await issue(
        runtime,
        payload,
        None if guest is None else guest.id,
        user_context,
        code="issue" if guest is None else "update",
        edge=edge,
        wait_seconds=REQUEST_WAIT_SECONDS,
    )
    if visit.status is not None:  # a view that streams has let the answer begin
        raise refusal(runtime, "answered", guest)
    take_over(request, token, guest)
    return guest


# The middleware


def is_quiet(visit: Visit, cookies: bytes | str) -> bool:
    """Tell whether a known guest asks and nothing has to be done: nearly always.

    Args:
        visit: What the request did so far.
        cookies: The whole ``Cookie`` header, when nothing else can bring a guest or a
            session.
    """
    if visit.was_read or visit.written or visit.cleared or visit.deferred:
        return False
    runtime = current()
    found = _quiet.get((id(runtime), cookies))
    return (
        found is not None
        and found[0] is runtime.verifier.keys.current()
        and time.time() < found[1]
    )


async def answer(
    request: BaseRequest,
    response: Any,
    status: int,
    edge: Edge,
    cookies: bytes | str | None = None,
) -> None:
    """Do to *response* what this visit asks for; no fault in it fails the answer.

    Args:
        request: The request that is answered.
        response: The framework's response, whose headers may still change.
        status: Its status.
        edge: How to do I/O.
        cookies: As in ``is_quiet``, to be remembered if nothing has to be done;
            ``None`` if something else may bring a guest or a session.
    """
    visit = visit_of(request)
    visit.status = status
    for act in visit.deferred:
        perform(act, response, status)
    try:
        await _settle(current(), request, response, edge, cookies)
    except Exception as error:
        logger.exception("a guest was left as it was")
        current().tell("issue-shed", "error", error=error)


async def _settle(
    runtime: Runtime,
    request: BaseRequest,
    response: Any,
    edge: Edge,
    cookies: bytes | str | None,
) -> None:
    visit = visit_of(request)
    if visit.was_read:
        vary_by_cookie(response)
    if (visit.status or 0) >= SERVER_ERROR or _has_guest(runtime, response):
        return
    session = session_of(request)
    ends = response.headers.get("front-token") == "remove"
    if visit.cleared or (ends and session_claims(request) is not None):
        # Whatever clears a session's cookies clears the guest.
        reading = await read(runtime, request, edge, wait_seconds=0)
        is_ours = reading.cookie_is_ours or reading.header_is_ours
        if is_ours or (visit.cleared and not reading.foreign):
            drop(runtime, request, response, reading)
    elif visit.written is not None:
        if session is None or visit.waits:
            give(runtime, request, response, *visit.written)
    elif session is None and _is_automatic(runtime, request, response, visit):
        await _automatic(runtime, request, response, edge, cookies)


async def _automatic(
    runtime: Runtime,
    request: BaseRequest,
    response: Any,
    edge: Edge,
    cookies: bytes | str | None,
) -> None:
    """Renew the guest, or issue one, when no view asked for anything."""
    if session_claims(request) is not None:
        return
    reading = await read(runtime, request, edge, wait_seconds=REQUEST_WAIT_SECONDS)
    guest = reading.guest
    if guest is not None:
        due_at = min(
            guest.issued_at.timestamp() + RENEW_SECONDS, guest.expires_at.timestamp()
        )
        if time.time() < due_at:
            if cookies is not None and not (reading.ambiguous or reading.unavailable):
                _remember(runtime, cookies, due_at)
        elif not (is_for_all(response) or reading.foreign or reading.unavailable):
            await _attempt(runtime, request, response, edge, guest)
    elif (
        runtime.config.issue != "lazy"
        and not (reading.ambiguous or reading.foreign or reading.unavailable)
        and not is_for_all(response)
        and not withholds_cookies(runtime, request)
        and may_issue(runtime, request)
    ):
        await _attempt(runtime, request, response, edge, None)


async def _attempt(
    runtime: Runtime,
    request: BaseRequest,
    response: Any,
    edge: Edge,
    guest: Guest | None,
) -> None:
    """Have a guest signed if that is quick; the visitor does not wait for long."""
    if time.monotonic() < runtime.paused_until:
        runtime.tell("issue-shed", "paused", guest=guest)
        return
    if not _eager.take():
        runtime.tell("issue-shed", "busy", guest=guest)
        return
    try:
        token, guest = await issue(
            runtime,
            {} if guest is None else guest.payload,
            None if guest is None else guest.id,
            None,
            code="issue" if guest is None else "renew",
            edge=edge,
            wait_seconds=REQUEST_WAIT_SECONDS,
            places=_eager,
        )
    except GuestError as error:
        runtime.paused_until = time.monotonic() + PAUSE_SECONDS
        runtime.tell("issue-shed", error.code, guest=guest, error=error)
        return
    give(runtime, request, response, token, guest)


def _is_automatic(
    runtime: Runtime, request: BaseRequest, response: Any, visit: Visit
) -> bool:
    """Tell whether this answer is one that a visitor looks at."""
    if request.method().upper() in {"OPTIONS", "HEAD"}:
        return False
    if (visit.status or 0) >= _CLIENT_ERROR:
        return False
    if request.get_header("sec-fetch-dest") in _EMBEDDED:
        return False
    for name in ("sec-purpose", "purpose", "x-moz"):
        if "prefetch" in (request.get_header(name) or ""):
            return False
    return not _is_sdks(runtime, request) and response is not None


def _is_sdks(runtime: Runtime, request: BaseRequest) -> bool:
    """Tell whether the SDK itself answers: a refresh must not make a guest."""
    app = runtime.app_info
    path = app.api_gateway_path.append(NormalisedURLPath(request.get_path()))
    return bool(path.startswith(app.api_base_path))


def _has_guest(runtime: Runtime, response: Any) -> bool:
    """Tell whether a view has set or cleared the guest by hand."""
    name = runtime.config.cookie_name
    jar = getattr(response, "cookies", None)
    if jar is not None:  # Django
        return name in jar
    lines = response.headers.getlist("set-cookie")
    return any(line.startswith(f"{name}=") for line in lines)


def _remember(runtime: Runtime, cookies: bytes | str, due_at: float) -> None:
    while len(_quiet) >= MAX_REMEMBERED:
        _quiet.pop(next(iter(_quiet)), None)
    _quiet[id(runtime), cookies] = (runtime.verifier.keys.current(), due_at)
