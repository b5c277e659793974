"""What an answer does to the guest of its request: sets it, clears it, or keeps it."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

from supertokens_guest._background import BLOCK, run_blocking
from supertokens_guest._runtime import current
from supertokens_guest._web.cookies import (
    clear_cookie,
    cookie_attributes,
    set_cookie,
    set_header,
)
from supertokens_guest._web.reading import fingerprint, read
from supertokens_guest._web.requests import (
    session_claims,
    session_of,
    visit_of,
    wants_header,
    withholds_cookies,
    wrapped,
)
from supertokens_guest.errors import (
    CoreUnavailableError,
    GuestRefusedError,
    KeysUnavailableError,
    PayloadError,
    PayloadTooLargeError,
)
from supertokens_guest.events import logger

if TYPE_CHECKING:
    from collections.abc import Callable

    from supertokens_python.framework.request import BaseRequest
    from supertokens_python.recipe.session.interfaces import SessionContainer

    from supertokens_guest._runtime import Runtime
    from supertokens_guest._web.reading import Reading
    from supertokens_guest.errors import GuestError, Refusal
    from supertokens_guest.guest import Guest

SERVER_ERROR = 500

ANSWERED_ERRORS = (
    GuestRefusedError,
    PayloadError,
    CoreUnavailableError,
    KeysUnavailableError,
)
"""What a visitor can bring about in a view, so that it must not become a 500."""

_REFUSALS: dict[Refusal, str] = {
    "session": "The visitor is logged in, or brings an expired login.",
    "another_guest": "The request brings another guest, or one that nobody can judge.",
    "foreign_cookie": "The guest cookie's name holds somebody else's JWT.",
    "not_allowed": "No guest may be issued for this request.",
    "cross_site": "Another site started this request.",
    "answered": "The answer has begun, so it can carry no guest.",
}


def status_of(error: GuestError) -> int:
    """Return the status that answers *error* where a view does not catch it."""
    if isinstance(error, GuestRefusedError):
        return 403 if error.code == "cross_site" else 409
    if isinstance(error, PayloadError):
        return 413 if isinstance(error, PayloadTooLargeError) else 400
    return 503


def refusal(
    runtime: Runtime, code: Refusal, guest: Guest | None = None
) -> GuestRefusedError:
    """Return the error for *code*, and tell the app of it."""
    error = GuestRefusedError(code, _REFUSALS[code])
    runtime.tell("issue-refused", code, guest=guest, error=error)
    return error


def refuse_in_vain(
    runtime: Runtime,
    request: BaseRequest,
    reading: Reading,
    *,
    guest_id: str | None,
) -> None:
    """Refuse what could not be set in this answer, before the core is asked to sign.

    Args:
        runtime: The configuration.
        request: The request that is being answered.
        reading: What it brought.
        guest_id: The guest that shall be set; ``None`` for a new one.

    Raises:
        GuestRefusedError: Its ``code`` says why.
    """
    guest = reading.guest
    code: Refusal | None = None
    if visit_of(request).status is not None:
        code = "answered"
    elif session_claims(request) is not None or session_of(request) is not None:
        code = "session"
    elif reading.foreign:
        code = "foreign_cookie"
    elif (
        reading.unavailable is not None
        or (reading.ambiguous and guest is None)
        or (guest is not None and guest.id != guest_id)
    ):
        code = "another_guest"
    elif guest is None and (
        withholds_cookies(runtime, request) or not may_issue(runtime, request)
    ):
        code = "not_allowed"
    if code is not None:
        raise refusal(runtime, code, guest)


def may_issue(runtime: Runtime, request: BaseRequest) -> bool:
    """Ask the app whether this visitor may become a guest; a fault in it means no."""
    issue = runtime.config.issue
    if not callable(issue):
        return True
    try:
        return bool(issue(request))
    except Exception as error:
        logger.exception("issue raised; no guest is issued")
        runtime.tell("issue-refused", "issue_raised", error=error)
        return False


def set_guest_cookie(response: Any, token: str, request: Any) -> None:
    """Set the guest cookie on a response of FastAPI, Starlette, Flask or Django.

    For routes that issue by hand, without the middleware. The cookie has the attributes
    of the session cookies; the response also gets ``Cache-Control: private, no-store``
    and ``Vary: Cookie``. To a client that sends ``st-auth-mode: header`` the token goes
    in the header ``guest-jwt`` instead. Waits for nothing.

    Args:
        response: The one that the route returns, or FastAPI's injected ``Response``.
        token: What ``create_guest_jwt`` or ``update_guest_jwt`` returned.
        request: The request that is being answered.

    Raises:
        GuestRefusedError: This visitor may not have a guest, or another one is there;
            its ``code`` says why. Nothing was set.
        TokenError: *token* is not a valid guest.
        ConfigError: Guests are not set up.
    """
    runtime, base = current(), wrapped(request)
    guest: Guest | None = None
    # Without keys: the app has just made it, and the browser asks for none.
    with contextlib.suppress(KeysUnavailableError):
        guest = runtime.verifier.verify_sync(token, wait_seconds=0)
    reading = run_blocking(read(runtime, base, BLOCK, wait_seconds=0))
    guest_id = None if guest is None else guest.id
    refuse_in_vain(runtime, base, reading, guest_id=guest_id)
    if (getattr(response, "status_code", None) or 0) >= SERVER_ERROR:
        raise refusal(runtime, "not_allowed", guest)
    give(runtime, base, response, token, guest)


def clear_guest_cookie(response: Any, request: Any) -> None:
    """Have a response of FastAPI, Starlette, Flask or Django clear the guest.

    Args:
        response: The one that the route returns, or FastAPI's injected ``Response``.
        request: The request that is being answered.

    Raises:
        GuestRefusedError: What has the cookie's name is somebody else's.
        ConfigError: Guests are not set up.
    """
    runtime, base = current(), wrapped(request)
    reading = run_blocking(read(runtime, base, BLOCK, wait_seconds=0))
    if reading.foreign and not reading.cookie_is_ours:
        raise refusal(runtime, "foreign_cookie")
    drop(runtime, base, response, reading)


def give(
    runtime: Runtime,
    request: BaseRequest,
    response: Any,
    token: str,
    guest: Guest | None,
) -> None:
    """Set the guest on *response*, the way that this visitor's guest came.

    A cookie's token never goes into a header, where a script could read what is
    ``HttpOnly``.
    """
    reading = visit_of(request).reading
    known = None if reading is None else reading.guest
    if reading is not None and known is not None:
        by_header = reading.by_header
    else:
        by_header = wants_header(request)
    if by_header:
        set_header(response, token)
    else:
        set_cookie(response, token, guest, cookie_attributes(runtime, request))


def drop(
    runtime: Runtime, request: BaseRequest, response: Any, reading: Reading
) -> None:
    """Clear the guest on *response*, in each way that it came."""
    if reading.header_is_ours:
        set_header(response, "remove")
    if reading.cookie_is_ours or not (reading.header_is_ours or wants_header(request)):
        clear_cookie(response, cookie_attributes(runtime, request))


def take_over(request: BaseRequest, token: str, guest: Guest) -> None:
    """Note that the guest is *guest* from now on, for the answer and for a login."""
    visit = visit_of(request)
    visit.written, visit.cleared = (token, guest), False


def fingerprint_of(request: BaseRequest, reading: Reading) -> str:
    """Name the tokens that the next request will bring."""
    written = visit_of(request).written
    return reading.fingerprint if written is None else fingerprint([written[0]])


def at_answer(
    session: SessionContainer,
    request: BaseRequest,
    act: Callable[[Any], None],
) -> None:
    """Have *act* done to the response that carries *session*, unless it is a 5xx."""

    def mutate(response: Any, _user_context: dict[str, Any]) -> None:
        # Flask hands every mutator an empty context, so the request is kept from here.
        visit = visit_of(request)
        if visit.has_middleware and visit.hides_status and visit.status is None:
            visit.deferred.append(act)  # the middleware is outside of the SDK's
            return
        status = visit.status
        perform(act, response.original, status or response.original.status_code)

    session.response_mutators.append(mutate)


def perform(act: Callable[[Any], None], response: Any, status: int) -> None:
    """Do *act* to *response*, whose outcome is settled: an error is only logged."""
    if status >= SERVER_ERROR:
        return
    try:
        act(response)
    except Exception:
        logger.exception("the guest of an answer could not be settled")
