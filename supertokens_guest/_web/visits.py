"""What the middleware decides about a request's guest; knows no framework."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from supertokens_python.normalised_url_path import NormalisedURLPath

from supertokens_guest._runtime import REQUEST_WAIT_SECONDS, current
from supertokens_guest._tokens.issuing import Places, issue
from supertokens_guest._web.answers import (
    SERVER_ERROR,
    drop,
    give,
    may_issue,
    perform,
    status_of,
)
from supertokens_guest._web.cookies import GUEST_HEADER, is_for_all, vary_by_cookie
from supertokens_guest._web.reading import read
from supertokens_guest._web.requests import lone_cookies, visit_of
from supertokens_guest.errors import GuestError, PayloadError, TokenError
from supertokens_guest.events import logger
from supertokens_guest.guest import Guest

if TYPE_CHECKING:
    from supertokens_guest._web.requests import Visit

RENEW_SECONDS = 30 * 24 * 60 * 60
"""The age from which a guest who comes back gets a new token: a cookie lives 400 days
at most, so who returns within them never loses its identity."""

PAUSE_SECONDS = 5.0
"""How long nothing is issued or renewed by itself after the core failed to sign."""

MAX_REMEMBERED = 1_024
"""``Cookie`` headers that are known to need nothing."""

_CLIENT_ERROR = 400
# What no visitor looks at by itself, so that no guest need be there for it.
_EMBEDDED = frozenset({"image", "script", "style", "font", "audio", "video"})

_eager = Places()


def is_quiet(visit: Visit, cookies: bytes | str | None) -> bool:
    """Tell whether a known guest asks and nothing has to be done: nearly always.

    *cookies* is the whole header; ``None`` when something else may bring a guest or a
    session.
    """
    if visit.was_read or visit.written or visit.cleared or visit.deferred:
        return False
    runtime = current()
    found = runtime.quiet.get(cookies)
    return (
        found is not None
        and found[0] is runtime.verifier.keys.current()
        and time.time() < found[1]
    )


async def answer(
    visit: Visit,
    response: Any,
    status: int,
    cookies: bytes | str | None,
    *,
    blocks: bool,
) -> None:
    """Do to *response* what this visit asks for; no fault in it fails the answer."""
    visit.status = status
    for act in visit.deferred:
        perform(act, response, status)
    try:
        if visit.was_read:
            vary_by_cookie(response)
        if status < SERVER_ERROR and not _has_guest(response):
            await _settle(visit, response, cookies, blocks=blocks)
    except Exception as error:  # noqa: BLE001 - see above
        logger.error("a guest was left as it was", exc_info=error)
        current().tell("issue-shed", "error", error=error)


async def _settle(
    visit: Visit, response: Any, cookies: bytes | str | None, *, blocks: bool
) -> None:
    is_login = visit.session_claims() is not None
    ends = is_login and response.headers.get("front-token") == "remove"
    if visit.cleared or ends:  # whatever clears a session's cookies clears the guest
        reading = await read(visit, blocks=blocks, wait_seconds=0)
        if reading.is_ours or (visit.cleared and not reading.foreign):
            drop(visit, response, reading)
    elif visit.written is not None:
        if visit.session is None or visit.waits:
            give(visit, response, *visit.written)
    elif visit.session is None and not is_login and _is_looked_at(visit):
        reading = await read(visit, blocks=blocks, wait_seconds=REQUEST_WAIT_SECONDS)
        if reading.ambiguous or reading.foreign or reading.unavailable:
            return
        guest = reading.guest
        due_at = _renew_at(guest)
        if time.time() < due_at:
            _remember(cookies, due_at)
        elif not is_for_all(response) and (guest is not None or _may_issue(visit)):
            await _attempt(visit, response, guest, blocks=blocks)


async def _attempt(
    visit: Visit, response: Any, guest: Guest | None, *, blocks: bool
) -> None:
    """Have a guest signed if that is quick; the visitor does not wait for long."""
    runtime = current()
    is_paused = time.monotonic() < runtime.paused_until
    if is_paused or not _eager.take():
        runtime.tell("issue-shed", "paused" if is_paused else "busy", guest=guest)
        return
    try:
        token, guest = await issue(
            {} if guest is None else guest.payload,
            None if guest is None else guest.id,
            None,
            code="issue" if guest is None else "renew",
            blocks=blocks,
            wait_seconds=REQUEST_WAIT_SECONDS,
            places=_eager,
        )
    except Exception as error:  # noqa: BLE001 - the answer goes without a guest
        if not isinstance(error, PayloadError):  # which is this guest's alone
            runtime.paused_until = time.monotonic() + PAUSE_SECONDS
        if not isinstance(error, GuestError):
            logger.error("the app's create_jwt raised", exc_info=error)
        runtime.tell("issue-shed", getattr(error, "code", "error"), error=error)
        return
    give(visit, response, token, guest)


def _is_looked_at(visit: Visit) -> bool:
    """Tell whether a visitor looks at this answer, and the app gave it."""
    header, app = visit.request.get_header, current().app_info
    if (visit.status or 0) >= _CLIENT_ERROR or visit.method in {"OPTIONS", "HEAD"}:
        return False
    purposes = map(header, ("sec-purpose", "purpose", "x-moz"))
    if any("prefetch" in (purpose or "") for purpose in purposes):
        return False
    # Not the SDK's own routes: a refresh must not make a guest.
    path = app.api_gateway_path.append(NormalisedURLPath(visit.request.get_path()))
    is_sdks: bool = path.startswith(app.api_base_path)
    return not is_sdks and header("sec-fetch-dest") not in _EMBEDDED


def _may_issue(visit: Visit) -> bool:
    is_lazy = current().config.issue == "lazy"
    return not is_lazy and not visit.withholds_cookies() and may_issue(visit)


def _renew_at(guest: Guest | None) -> float:
    if guest is None:
        return 0
    due_at = guest.issued_at.timestamp() + RENEW_SECONDS
    return min(due_at, guest.expires_at.timestamp())


def _has_guest(response: Any) -> bool:
    """Tell whether a view has set or cleared the guest by hand."""
    name = current().config.cookie_name
    if GUEST_HEADER in response.headers:
        return True
    jar = getattr(response, "cookies", None)
    if jar is not None:  # Django
        return name in jar
    lines = response.headers.getlist("set-cookie")
    return any(line.startswith(f"{name}=") for line in lines)


def _remember(cookies: bytes | str | None, due_at: float) -> None:
    runtime = current()
    if cookies is None:
        return
    while len(runtime.quiet) >= MAX_REMEMBERED:
        runtime.quiet.pop(next(iter(runtime.quiet)), None)
    runtime.quiet[cookies] = (runtime.verifier.keys.current(), due_at)


async def settle(
    request: Any, response: Any, environ: Mapping[str, Any], *, blocks: bool
) -> None:
    """Do to a *response* of Flask or Django what its request's visit asks for."""
    visit, status = visit_of(request), response.status_code
    cookies = lone_cookies(environ)
    if is_quiet(visit, cookies):
        visit.status = status
    else:
        await answer(visit, response, status, cookies, blocks=blocks)


def body_of(error: GuestError) -> tuple[dict[str, str], int]:
    """Return the JSON and the status for an *error* that a view does not catch."""
    status = status_of(error)
    return {"message": HTTPStatus(status).phrase}, status


def warn_without_sdk(modules: Sequence[object], remedy: str) -> None:
    """Warn if an app's middlewares are known, by *modules*, and none is the SDK's."""
    sdks = "supertokens_python.framework."
    if modules and not any(str(name).startswith(sdks) for name in modules):
        logger.warning(
            "SuperTokens' own middleware is missing: %s writes the sessions that guests"
            " log in to.",
            remedy,
        )


async def verify(token: str, *, blocks: bool) -> Guest:
    """Return the guest that *token* describes; the app hears of one that is none."""
    verifier = current().verifier
    try:
        if blocks:
            return verifier.verify_sync(token, wait_seconds=REQUEST_WAIT_SECONDS)
        return await verifier.verify(token, wait_seconds=REQUEST_WAIT_SECONDS)
    except TokenError as error:
        current().tell("verify-rejected", error.code, error=error)
        raise


async def update(
    guest: Guest | str,
    payload: Mapping[str, Any],
    context: dict[str, Any] | None,
    *,
    blocks: bool,
) -> str:
    known = guest if isinstance(guest, Guest) else await verify(guest, blocks=blocks)
    issued = await issue(payload, known.id, context, code="update", blocks=blocks)
    return issued[0]
