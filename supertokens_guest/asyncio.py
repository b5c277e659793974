"""Guests, for code that can await. ``supertokens_guest.syncio`` has the twins.

Each raises ``ConfigError`` where guests are not set up; ``get_visitor``,
``merge_into_guest_payload`` and ``clear_guest`` also without the middleware.
"""

from collections.abc import Mapping
from typing import Any

from supertokens_python.recipe.session import SessionContainer

from supertokens_guest._background import run
from supertokens_guest._runtime import current
from supertokens_guest._tokens.issuing import issue
from supertokens_guest._transfer.late import transfer_late
from supertokens_guest._transfer.selection import DATA_KEY, MORE, guests
from supertokens_guest._web import visits
from supertokens_guest._web.answers import refusal
from supertokens_guest._web.requests import visit_of
from supertokens_guest.errors import ConfigError, TokenError
from supertokens_guest.guest import Guest, GuestTransfer, Visitor

__all__ = [
    "clear_guest", "create_guest_jwt", "get_guest", "get_guest_data", "get_visitor",
    "merge_into_guest_payload", "transfer_guest", "update_guest_jwt",
    "verify_guest_jwt",
]  # fmt: skip


async def create_guest_jwt(
    payload: Mapping[str, Any] | None = None,
    guest_id: str | None = None,
    user_context: dict[str, Any] | None = None,
) -> str:
    """Return a new guest JWT, signed by the core.

    Args:
        payload: What the guest shall hold, at most 1,536 bytes of JSON. Whoever has the
            token can read it, and an old one stays good: put nothing in whose old value
            would profit the visitor.
        guest_id: The app's own id, ``G-`` and 1 to 64 of ``A-Za-z0-9_-``; by default
            ``G-<uuid4>``.
        user_context: Handed to the SDK's ``create_jwt``.

    Raises:
        PayloadError: The payload cannot be carried unchanged; the core was not called.
        CoreUnavailableError: It did not sign within ten seconds, or nothing acceptable.
        KeysUnavailableError: The core signed, but did not tell its keys in time.
        Exception: What the app's own override of ``create_jwt`` raised.
    """
    return (await issue(payload, guest_id, user_context, code="issue"))[0]


async def update_guest_jwt(
    guest: Guest | str,
    payload: Mapping[str, Any],
    user_context: dict[str, Any] | None = None,
) -> str:
    """Return a new guest JWT for the same guest, holding *payload* instead.

    The old token stays valid until it expires. Raises what ``create_guest_jwt`` and,
    for a token instead of a ``Guest``, ``verify_guest_jwt`` raise.
    """
    known = guest if isinstance(guest, Guest) else await verify_guest_jwt(guest)
    return (await issue(payload, known.id, user_context))[0]


async def verify_guest_jwt(
    token: str, user_context: dict[str, Any] | None = None
) -> Guest:
    """Return the guest that *token* describes; no I/O when the token's key is known.

    Raises:
        TokenError: It is not a valid guest; its ``code`` says why.
        KeysUnavailableError: No key could be had in time; the token may be good.
    """
    runtime = current()
    try:
        return await runtime.verifier.verify(token, wait_seconds=runtime.wait_seconds)
    except TokenError as error:
        runtime.tell("verify-rejected", error.code, error=error)
        raise


async def get_guest(
    request: Any, user_context: dict[str, Any] | None = None
) -> Guest | None:
    """Return the guest who came with the framework's *request*, or ``None``.

    With the middleware, as this request changed it. ``None`` without a guest, with a
    bad one, with two, and while no key can be had: a bad guest cookie is never an error
    of the visitor's. Also a guest beside a session, who waits for a later transfer.
    """
    return await visits.current_guest(visit_of(request))


async def get_guest_data(
    session: SessionContainer, user_context: dict[str, Any] | None = None
) -> dict[str, Any] | None:
    """Return what *session* took over from a guest: ``{"sub": <its id>, **claims}``.

    A copy; ``None`` for who was no guest. Asks the core only when the claims lie in the
    session's data: by the configuration, or because the login's headers were full.

    Raises:
        UnauthorisedError: The core had to be asked, and the session has ended.
        ConfigError: Without a ``namespace`` nothing tells a guest's claims apart.
    """
    config, namespace = current().config, current().config.namespace
    payload = session.get_access_token_payload()
    if namespace is None:
        claim: Any = {MORE: payload.get(MORE) is True}
    elif config.transfer_to == "session_data_in_database":
        claim = {MORE: True}
    else:
        claim = payload.get(namespace)
    if isinstance(claim, dict) and claim.get(MORE) is True:
        data = await run(lambda: session.get_session_data_from_database(user_context))
        stored = guests(data.get(namespace or DATA_KEY))
        if stored is not None and claim.get("sub") in {None, stored["sub"]}:
            return stored
    found = guests(claim)
    if found is None and namespace is None:
        message = "With namespace=None nothing tells a guest's claims from others."
        raise ConfigError(message)
    return found


async def transfer_guest(
    request: Any, session: SessionContainer, user_context: dict[str, Any] | None = None
) -> GuestTransfer | None:
    """Transfer the guest that the login of *session* left waiting, as the guard does.

    For what a login could not do itself: a second factor was still to come, the core's
    keys were out of reach, ``on_transfer`` raised. Costs nothing where nobody waits.
    *session* is this request's, as ``verify_session`` attaches it to the response. Pass
    no *user_context* of ``verify_session``'s, which all requests of a route share.

    Returns:
        What was transferred; ``None`` when the session waits for nobody or for another
        guest than came, a factor is missing, the core or its keys are out of reach, the
        hook raised, or a try less than a minute ago has failed.

    Raises:
        UnauthorisedError: The session has ended; the SDK answers 401.
    """
    context = {} if user_context is None else user_context
    return await transfer_late(visit_of(request), session, context)


async def get_visitor(
    request: Any, user_context: dict[str, Any] | None = None
) -> Visitor:
    """Return who asks: the session's user, or the guest, issued now if there is none.

    The guard, ``verify_visitor()``, does the same before a view, and refuses unsafe
    requests that another site started.

    Raises:
        GuestRefusedError: A guest is needed, and may not be set; 409 if not caught.
        CoreUnavailableError: A guest is needed, and the core did not sign; 503.
        KeysUnavailableError: The guest that came cannot be judged now; 503.
        TryRefreshTokenError: The login has expired; the SDK answers 401.
    """
    return await visits.find_visitor(request, user_context)


async def merge_into_guest_payload(
    request: Any, changes: Mapping[str, Any], user_context: dict[str, Any] | None = None
) -> Guest:
    """Merge *changes* into the guest's payload, and return the guest as it is now.

    At the top level, where ``None`` removes a name, as the SDK's
    ``merge_into_access_token_payload``. Signs now, so that a view cannot answer 200 and
    lose the data; the middleware sets one cookie at the answer, however often this was
    called. A visitor without a guest gets one.

    Raises:
        PayloadTooLargeError: It would take more than 1,536 bytes; 413 if not caught.
        PayloadError: A value cannot be carried, or a name is reserved; 400.
        GuestRefusedError: The visitor is logged in, or may have no guest; 409.
        CoreUnavailableError: The core did not sign within a second; 503.
        KeysUnavailableError: The guest that came cannot be judged now; 503.
    """
    visit = visits.here(request)
    guest = await visits.current_guest(visit)
    payload = {**({} if guest is None else guest.payload), **changes}
    kept = {name: payload[name] for name in payload if payload[name] is not None}
    return await visits.sign(visit, guest, kept, user_context)


async def clear_guest(request: Any, user_context: dict[str, Any] | None = None) -> None:
    """Have the answer to *request* clear the guest.

    Raises:
        GuestRefusedError: The answer has begun.
    """
    visit = visits.here(request)
    if visit.status is not None:
        raise refusal("answered")
    visit.written, visit.cleared = None, True
