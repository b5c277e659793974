"""What an answer does to the guest of its request: sets it, clears it, or keeps it."""

import contextlib
import functools
from http import HTTPStatus
from typing import Any

from supertokens_python.recipe.session import SessionContainer
from supertokens_python.recipe.session import exceptions as session_errors
from supertokens_python.supertokens import get_request_from_user_context

from supertokens_guest import errors
from supertokens_guest._runtime import current
from supertokens_guest._web.cookies import clear_cookie, set_cookie, set_header
from supertokens_guest._web.requests import Act, Reading, Visit, visit_of
from supertokens_guest.events import logger
from supertokens_guest.guest import Guest

SERVER_ERROR = 500

_STATUSES: dict[type[errors.GuestError], int] = {
    errors.GuestRefusedError: 409,
    errors.PayloadTooLargeError: 413,
    errors.PayloadError: 400,
    errors.CoreUnavailableError: 503,
    errors.KeysUnavailableError: 503,
}

ANSWERED_ERRORS = tuple(_STATUSES)
"""What a visitor can bring about in a view, so that it must not become a 500."""

_REFUSALS: dict[errors.Refusal, str] = {
    "session": "The visitor is logged in, or brings an expired login.",
    "another_guest": "The request brings another guest, or one that nobody can judge.",
    "foreign_cookie": "The guest cookie's name holds somebody else's JWT.",
    "not_allowed": "No guest may be issued for this request.",
    "cross_site": "Another site started this request.",
    "answered": "The answer has begun, so it can carry no guest.",
}


def body_of(error: errors.GuestError) -> tuple[dict[str, str], int]:
    """Return the JSON and the status for an *error* that a view does not catch."""
    # By the first that fits: an app may raise one of its own that is derived from it.
    status = next(_STATUSES[kind] for kind in _STATUSES if isinstance(error, kind))
    if status == HTTPStatus.BAD_REQUEST:  # the app's own mistake would go unseen
        logger.warning("answered with 400: %s", error)
    status = 403 if error.code == "cross_site" else status
    return {"message": HTTPStatus(status).phrase}, status


def refusal(code: errors.Refusal, guest: Guest | None = None) -> errors.GuestError:
    error = errors.GuestRefusedError(code, _REFUSALS[code])
    current().tell("issue-refused", code, guest=guest, error=error)
    return error


def refuse_in_vain(visit: Visit, reading: Reading, guest_id: str | None) -> None:
    """Refuse what could not be set in this answer, before the core is asked to sign."""
    guest = None if visit.cleared else reading.guest
    code: errors.Refusal | None = None
    if visit.status is not None:
        code = "answered"
    elif visit.session_claims() is not None or visit.session is not None:
        code = "session"
    elif reading.foreign:
        code = "foreign_cookie"
    elif guest is not None:
        code = None if guest.id == guest_id else "another_guest"
    elif not visit.cleared and (reading.unavailable or reading.ambiguous):
        code = "another_guest"
    elif not may_issue(visit):
        code = "not_allowed"
    if code is not None:
        raise refusal(code, guest)


def may_issue(visit: Visit) -> bool:
    """Tell whether this visitor may become a guest; a fault in the app means no."""
    issue = current().config.issue
    if visit.withholds_cookies():
        return False
    try:
        return not callable(issue) or bool(issue(visit.request))
    except Exception as error:  # noqa: BLE001 - the function is the app's
        logger.error("issue raised; no guest is issued", exc_info=error)
        current().tell("issue-refused", "issue_raised", error=error)
        return False


def set_guest_cookie(response: Any, token: str, request: Any) -> None:
    """Set the guest cookie on a response of FastAPI, Starlette, Flask or Django.

    For routes that issue by hand, without the middleware. The cookie has the attributes
    of the session cookies, and no cache may keep the response. To a client that sends
    ``st-auth-mode: header`` the token goes in the header ``guest-jwt`` instead.

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
    visit = visit_of(request)
    guest: Guest | None = None
    # Without keys: the app has just made it, and the browser asks for none.
    with contextlib.suppress(errors.KeysUnavailableError):
        guest = current().verifier.verify_sync(token, wait_seconds=0)
    refuse_in_vain(visit, visit.read_now(), None if guest is None else guest.id)
    if (getattr(response, "status_code", None) or 0) >= SERVER_ERROR:
        raise refusal("not_allowed", guest)
    give(visit, response, token, guest)


def clear_guest_cookie(response: Any, request: Any) -> None:
    """Have a response of FastAPI, Starlette, Flask or Django clear the guest.

    Args:
        response: The one that the route returns, or FastAPI's injected ``Response``.
        request: The request that is being answered.

    Raises:
        GuestRefusedError: What has the cookie's name is somebody else's.
        ConfigError: Guests are not set up.
    """
    visit = visit_of(request)
    reading = visit.read_now()
    if reading.foreign and not reading.cookie_is_ours:
        raise refusal("foreign_cookie")
    drop(visit, response, reading)


def give(visit: Visit, response: Any, token: str, guest: Guest | None) -> None:
    """Set the guest on *response*, the way that it came: ``HttpOnly`` remains so."""
    came = visit.reading
    if visit.wants_header if came is None or came.guest is None else came.by_header:
        set_header(response, token)
    else:
        set_cookie(visit, response, token, guest)


def drop(visit: Visit, response: Any, reading: Reading) -> None:
    """Clear the guest on *response*, in each way that it came."""
    if reading.header_is_ours:
        set_header(response, "remove")
    if reading.cookie_is_ours or not (reading.header_is_ours or visit.wants_header):
        clear_cookie(visit, response)


def clear_ours(visit: Visit, response: Any) -> None:
    """Clear what the request brought, if it is ours."""
    reading = visit.read_now()
    if reading.is_ours:
        drop(visit, response, reading)


def clear_with(error: session_errors.SuperTokensSessionError) -> None:
    """Have the answer to *error* clear the guest, if it clears the session."""

    def clear(response: Any, user_context: dict[str, Any]) -> None:
        # Not of the context in which it was raised: a route's requests may share that.
        request = get_request_from_user_context(user_context)
        if request is not None:
            act = functools.partial(clear_ours, visit_of(request))
            perform(act, response.original, 0)

    ends = isinstance(error, session_errors.UnauthorisedError) and error.clear_tokens
    if ends or isinstance(error, session_errors.TokenTheftError):
        mutators: list[Any] = error.response_mutators
        mutators.append(clear)


def at_answer(session: SessionContainer, visit: Visit, act: Act) -> None:
    """Have *act* done to the response that carries *session*, unless it is a 5xx."""

    def mutate(response: Any, _user_context: dict[str, Any]) -> None:
        if visit.has_middleware and visit.hides_status and visit.status is None:
            visit.deferred.append(act)  # the middleware is outside of the SDK's
        else:
            status = visit.status or response.original.status_code
            perform(act, response.original, status)

    session.response_mutators.append(mutate)


def perform(act: Act, response: Any, status: int) -> None:
    """Do *act* to *response*, whose outcome is settled: an error is only logged."""
    if status >= SERVER_ERROR:
        return
    try:
        act(response)
    except Exception as error:  # noqa: BLE001 - see above
        logger.error("the guest of an answer could not be settled", exc_info=error)
