"""The guest cookie on a response of any framework.

Starlette, Werkzeug and Django give their responses the same ``set_cookie`` and a
mapping of headers, which is all that is used here.
"""

from __future__ import annotations

import time
from http.cookies import SimpleCookie
from typing import TYPE_CHECKING, Any

from supertokens_guest.cookies import MAX_AGE_SECONDS, max_age_seconds
from supertokens_guest.errors import KeysUnavailableError, TokenError
from supertokens_guest.reading import is_foreign, says_guest, tell_foreign
from supertokens_guest.requests import brings_session, guest_tokens, wrapped
from supertokens_guest.runtime import current

if TYPE_CHECKING:
    from supertokens_python.framework.request import BaseRequest

    from supertokens_guest.cookies import CookieAttributes
    from supertokens_guest.runtime import Runtime


def put_guest_cookie(response: Any, token: str, request: Any) -> bool:
    """Set the guest cookie on a framework's *response*, if this visitor may have one.

    Not for a visitor who brings a session, valid or expired: the next person at that
    browser would inherit the guest. Not in the place of what is not ours, nor of
    another guest who is valid or cannot be judged now: nobody's guest is replaced
    silently.

    Raises:
        TokenError: *token* is not a valid guest.
    """
    runtime = current()
    base = None if request is None else wrapped(request)
    if base is not None and (brings_session(base) or _is_taken(runtime, base)):
        return False
    now = time.time()
    guest_id, expires_at = None, now + MAX_AGE_SECONDS
    try:
        guest = runtime.verifier.verify_sync(token, wait_seconds=0)
        guest_id, expires_at = guest.id, guest.expires_at.timestamp()
    except KeysUnavailableError:
        pass  # the app has just made it, and the browser asks for no key
    if base is not None and _brings_another(runtime, base, guest_id):
        return False
    set_cookie(
        response,
        token,
        runtime.cookie_attributes(base, {}),
        max_age=max_age_seconds(expires_at, now),
    )
    return True


def drop_guest_cookie(response: Any, request: Any) -> bool:
    """Clear the guest cookie on a framework's *response*, unless it is not ours."""
    runtime = current()
    base = None if request is None else wrapped(request)
    if (
        base is not None
        and not _brings_ours(runtime, base)
        and _is_taken(runtime, base)
    ):
        return False
    clear_cookie(response, runtime.cookie_attributes(base, {}))
    return True


def set_cookie(
    response: Any, token: str, attributes: CookieAttributes, *, max_age: int
) -> None:
    """Set the guest cookie, and forbid caches to hand it to anybody else."""
    _write(response, attributes, attributes.domain, token, max_age)
    response.headers["Cache-Control"] = "private, no-store"
    vary = response.headers.get("Vary")
    names = {name.strip().lower() for name in (vary or "").split(",")}
    if not names & {"cookie", "*"}:
        response.headers["Vary"] = f"{vary}, Cookie" if vary else "Cookie"


def clear_cookie(response: Any, attributes: CookieAttributes) -> None:
    """Clear the guest cookie, and the one on a domain that the app used before."""
    older = attributes.older_domain
    if older is not None and older != (attributes.domain or ""):
        _write(response, attributes, older or None, "", 0)
        jar = getattr(response, "cookies", None)
        if isinstance(jar, SimpleCookie):
            # Django keeps one cookie for each name; under another key both are sent.
            dict.__setitem__(jar, f"{attributes.name} {older}", jar[attributes.name])
            dict.__delitem__(jar, attributes.name)
    _write(response, attributes, attributes.domain, "", 0)


def _is_taken(runtime: Runtime, request: BaseRequest) -> bool:
    """Tell whether the request brings somebody else's JWT under our cookie's name."""
    tokens = guest_tokens(request, runtime.config.cookie_name)
    if not any(map(is_foreign, tokens)):
        return False
    tell_foreign(runtime)
    return True


def _brings_ours(runtime: Runtime, request: BaseRequest) -> bool:
    """Tell whether a guest came: it is what has the attributes that clearing names."""
    return any(map(says_guest, guest_tokens(request, runtime.config.cookie_name)))


def _brings_another(
    runtime: Runtime, request: BaseRequest, guest_id: str | None
) -> bool:
    """Tell whether the request brings a guest that is not, or may not be, this one."""
    return any(
        _is_another(runtime, token, guest_id)
        for token in guest_tokens(request, runtime.config.cookie_name)
    )


def _is_another(runtime: Runtime, token: str, guest_id: str | None) -> bool:
    """Tell whether *token* is, or may be, of another guest."""
    try:
        return runtime.verifier.verify_sync(token, wait_seconds=0).id != guest_id
    except TokenError:
        return False
    except KeysUnavailableError:
        return True


def _write(
    response: Any,
    attributes: CookieAttributes,
    domain: str | None,
    value: str,
    max_age: int,
) -> None:
    """Write one ``Set-Cookie``; the only place that does."""
    response.set_cookie(
        attributes.name,
        value,
        max_age=max_age,
        path="/",
        domain=domain,
        secure=attributes.secure,
        httponly=True,
        samesite=attributes.same_site,
    )
