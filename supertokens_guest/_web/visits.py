"""What guards, verbs and the middleware decide: who asks, what becomes of the guest.

Knows no framework. What a verb changed of the guest lies in the ``Visit``: the answer
sets it, once, and a login takes it.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from supertokens_python.normalised_url_path import NormalisedURLPath
from supertokens_python.recipe.session.asyncio import get_session
from supertokens_python.recipe.session.interfaces import (
    SessionClaimValidator,
    SessionContainer,
)
from supertokens_python.types import MaybeAwaitable

from supertokens_guest._background import run
from supertokens_guest._runtime import current
from supertokens_guest._tokens.issuing import issue, places
from supertokens_guest._transfer.late import transfer_late
from supertokens_guest._web import answers
from supertokens_guest._web.cookies import is_for_all, vary_by_cookie
from supertokens_guest._web.requests import GUEST_HEADER, Visit, visit_of
from supertokens_guest.errors import ConfigError, GuestError, PayloadError
from supertokens_guest.events import logger
from supertokens_guest.guest import Guest, Visitor

RENEW_SECONDS = 30 * 24 * 60 * 60  # the age of a token; a cookie lives 400 days
PAUSE_SECONDS = 5.0  # in which nothing is issued by itself, after the core failed
MAX_REMEMBERED = 1_024  # Cookie headers that are known to need nothing

ClaimValidators = Callable[
    [list[SessionClaimValidator], SessionContainer, dict[str, Any]],
    MaybeAwaitable[list[SessionClaimValidator]],
]

_CLIENT_ERROR = 400
# What no visitor looks at by itself, so that no guest need be there for it.
_EMBEDDED = frozenset({"image", "script", "style", "font", "audio", "video"})


def here(request: Any) -> Visit:
    """Return the visit of a request whose answer the middleware will see."""
    visit = visit_of(request)
    if not visit.has_middleware:
        raise ConfigError(
            "A guest travels by the middleware: app.add_middleware(GuestMiddleware) in"
            " FastAPI, GuestMiddleware(app) in Flask, in Django"
            ' "supertokens_guest.django.GuestMiddleware" in MIDDLEWARE.'
        )
    return visit


async def find_visitor(
    request: Any, context: dict[str, Any] | None, **options: Any
) -> Visitor:
    """Return who asks: the session's user, or the guest, issued if there is none."""
    # A guard's options, for get_session, say to look for it anew, to transfer a waiting
    # guest, and to refuse unsafe requests of other sites.
    visit, context = here(request), {} if context is None else context
    visit.was_read = True
    if options and visit.is_unsafe and visit.from_another_site(context):
        raise answers.refusal("cross_site")
    session = None if options else visit.session
    if session is None:
        find = {"session_required": False, "user_context": context, **options}
        session = await run(lambda: get_session(visit.request, **find))
    if session is not None:
        if options:
            await transfer_late(visit, session, context)
        return Visitor(id=session.get_user_id(), session=session)
    guest = await current_guest(visit)
    if guest is None:
        guest = await sign(visit, None, {}, context)
    return Visitor(id=guest.id, guest=guest)


async def current_guest(visit: Visit) -> Guest | None:
    """Return the guest as it is now, with what this request changed."""
    visit.was_read = True
    if visit.cleared or visit.moved:
        return None
    if visit.written is not None:
        return visit.written[1]
    reading = await visit.read()
    return reading.guest


async def sign(
    visit: Visit,
    guest: Guest | None,
    payload: Mapping[str, Any],
    context: dict[str, Any] | None,
) -> Guest:
    """Have the answer set a guest with this payload, or raise now."""
    guest_id = None if guest is None else guest.id
    reading = await visit.read()
    if visit.written is None:
        if reading.unavailable is not None and not visit.cleared:
            raise reading.unavailable
        answers.refuse_in_vain(visit, reading, guest_id)
    token, guest = await issue(
        payload, guest_id, context, wait_seconds=current().wait_seconds
    )
    if visit.status is not None:  # a view that streams has let the answer begin
        raise answers.refusal("answered", guest)
    visit.written, visit.cleared = (token, guest), False
    return guest


def is_quiet(visit: Visit) -> bool:
    """Tell whether a known guest asks and nothing has to be done: nearly always."""
    if visit.was_read or visit.written or visit.cleared or visit.deferred:
        return False
    runtime = current()
    key_set, due_at = runtime.quiet.get(visit.lone_cookies, (None, 0))
    return time.time() < due_at and key_set is runtime.verifier.keys.current()


async def answer(visit: Visit, response: Any) -> None:
    """Do to *response* what this visit asks for; no fault in it fails the answer."""
    status = visit.status = response.status_code
    if is_quiet(visit):
        return
    for act in visit.deferred:
        answers.perform(act, response, status)
    try:
        if visit.was_read:
            vary_by_cookie(response)
        if status < answers.SERVER_ERROR and not _has_guest(response):
            await _settle(visit, response)
    except Exception as error:  # noqa: BLE001 - see above
        logger.error("a guest was left as it was", exc_info=error)
        current().tell("issue-shed", "error", error=error)


async def _settle(visit: Visit, response: Any) -> None:
    is_login = visit.session_claims() is not None
    ends = is_login and response.headers.get("front-token") == "remove"
    if visit.cleared or ends:  # whatever clears a session's cookies clears the guest
        reading = visit.read_now()
        if reading.is_ours or (visit.cleared and not reading.foreign):
            answers.drop(visit, response, reading)
    elif visit.written is not None:
        if visit.session is None or visit.waits:
            answers.give(visit, response, *visit.written)
    elif visit.session is None and not is_login and _is_looked_at(visit):
        await _keep_up(visit, response)


async def _keep_up(visit: Visit, response: Any) -> None:
    """Issue or renew by itself, or remember that there is no need to."""
    reading, runtime = await visit.read(), current()
    guest, cookies, due_at = reading.guest, visit.lone_cookies, 0.0
    if guest is not None:
        ends_at = guest.expires_at.timestamp()
        due_at = min(guest.issued_at.timestamp() + RENEW_SECONDS, ends_at)
    if reading.ambiguous or reading.foreign or reading.unavailable:
        return
    if time.time() < due_at:
        while len(runtime.quiet) >= MAX_REMEMBERED:
            runtime.quiet.pop(next(iter(runtime.quiet)), None)
        if cookies is not None:
            runtime.quiet[cookies] = (runtime.verifier.keys.current(), due_at)
    elif not is_for_all(response):
        is_eager = runtime.config.issue != "lazy"
        if guest is not None or (is_eager and answers.may_issue(visit)):
            await _attempt(visit, response, guest)


async def _attempt(visit: Visit, response: Any, guest: Guest | None) -> None:
    """Have a guest signed if that is quick; the visitor does not wait for long."""
    runtime = current()
    is_paused = time.monotonic() < runtime.paused_until
    place = places("eager")
    if is_paused or not place.acquire(blocking=False):
        runtime.tell("issue-shed", "paused" if is_paused else "busy", guest=guest)
        return
    try:
        token, guest = await issue(
            {} if guest is None else guest.payload,
            None if guest is None else guest.id,
            None,
            code="issue" if guest is None else "renew",
            wait_seconds=runtime.wait_seconds,
            place=place,
        )
    except Exception as error:  # noqa: BLE001 - the answer goes without a guest
        if not isinstance(error, PayloadError):  # which is this guest's alone
            runtime.paused_until = time.monotonic() + PAUSE_SECONDS
        if not isinstance(error, GuestError):
            logger.error("the app's create_jwt raised", exc_info=error)
        runtime.tell("issue-shed", getattr(error, "code", "error"), error=error)
    else:
        answers.give(visit, response, token, guest)


def _is_looked_at(visit: Visit) -> bool:
    """Tell whether a visitor looks at this answer, and the app gave it."""
    header, app = visit.request.get_header, current().app_info
    purposes = [header(name) or "" for name in ("sec-purpose", "purpose", "x-moz")]
    # Not the SDK's own routes: a refresh must not make a guest.
    path = app.api_gateway_path.append(NormalisedURLPath(visit.request.get_path()))
    return not (
        (visit.status or 0) >= _CLIENT_ERROR
        or visit.method in {"OPTIONS", "HEAD"}
        or any("prefetch" in purpose for purpose in purposes)
        or path.startswith(app.api_base_path)
        or header("sec-fetch-dest") in _EMBEDDED
    )


def _has_guest(response: Any) -> bool:
    """Tell whether a view has set or cleared the guest by hand."""
    name = current().config.cookie_name
    jar = getattr(response, "cookies", None)
    if jar is not None:  # Django
        return name in jar or GUEST_HEADER in response.headers
    lines = response.headers.getlist("set-cookie")
    is_set = any(line.startswith(f"{name}=") for line in lines)
    return is_set or GUEST_HEADER in response.headers


def warn_without_sdk(modules: Sequence[object], remedy: str) -> None:
    """Warn if an app's middlewares are known, by *modules*, and none is the SDK's."""
    sdks = "supertokens_python.framework."
    if modules and not any(str(name).startswith(sdks) for name in modules):
        missing = (
            "SuperTokens' own middleware is missing, which writes the sessions: %s"
        )
        logger.warning(missing, remedy)
