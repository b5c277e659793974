"""What is written on an answer of any framework: cookie, header, what caches may do."""

import time
from http.cookies import SimpleCookie
from typing import Any

from supertokens_guest._runtime import current
from supertokens_guest._web.requests import GUEST_HEADER, Visit
from supertokens_guest.errors import ConfigError
from supertokens_guest.guest import Guest

MAX_AGE_SECONDS = 400 * 24 * 60 * 60  # the most that browsers keep (RFC 6265bis, 5.5)
_CDN_HEADERS = ("surrogate-control", "cdn-cache-control")


def checked_secure(name: str, *, secure: bool, same_site: str) -> bool:
    """Return whether a guest cookie of this name is ``Secure``, or raise if it must."""
    # Where the session cookies are, or the name promises it (RFC 6265bis, 4.1.3).
    secure = secure or name.lower().startswith(("__host-", "__secure-"))
    if same_site == "none" and not secure:
        raise ConfigError(
            "The guest cookie would be SameSite=None without Secure, which browsers"
            " drop: serve the API over https, or website and API on one site."
        )
    return secure


def set_cookie(visit: Visit, response: Any, token: str, guest: Guest | None) -> None:
    """Set the guest cookie for as long as the token lives, or browsers keep one."""
    age = MAX_AGE_SECONDS
    if guest is not None:
        age = max(0, min(int(guest.expires_at.timestamp() - time.time()), age))
    _write(visit, response, current().session_config.cookie_domain, token, age)


def clear_cookie(visit: Visit, response: Any) -> None:
    """Clear the guest cookie, and the one on a domain that the app used before."""
    session, name = current().session_config, current().config.cookie_name
    older = session.older_cookie_domain
    if older is not None and older != (session.cookie_domain or ""):
        _write(visit, response, older or None, "", 0)
        jar = getattr(response, "cookies", None)
        if isinstance(jar, SimpleCookie):
            # Django keeps one cookie for each name; under another key both are sent.
            dict.__setitem__(jar, f"{name} {older}", jar[name])
            dict.__delitem__(jar, name)
    _write(visit, response, session.cookie_domain, "", 0)


def _write(
    visit: Visit, response: Any, domain: str | None, value: str, max_age: int
) -> None:
    """Write one ``Set-Cookie``, as like the session cookies' as its name lets it."""
    name, session = current().config.cookie_name, current().session_config
    same_site = session.get_cookie_same_site(visit.request, {})
    response.set_cookie(
        name,
        value,
        max_age=max_age,
        path="/",
        domain=None if name.lower().startswith("__host-") else domain,
        secure=checked_secure(name, secure=session.cookie_secure, same_site=same_site),
        httponly=True,
        samesite=same_site,
    )
    keep_private(response)


def set_header(response: Any, value: str) -> None:
    """Send the guest, or ``remove``, to a client without cookies."""
    response.headers[GUEST_HEADER] = value
    _add_to(response, "Access-Control-Expose-Headers", GUEST_HEADER)
    keep_private(response)


def keep_newest_session(response: Any) -> None:
    """Send one access token where the SDK has written two: each takes a kilobyte."""
    if hasattr(response, "cookies"):
        return  # Django keeps one cookie for each name by itself
    lines = response.headers.getlist("set-cookie")
    older = [line for line in lines if line.startswith("sAccessToken=")][:-1]
    if older:
        del response.headers["set-cookie"]
        add = getattr(response.headers, "append", None) or response.headers.add
        for line in lines:
            if line not in older:
                add("set-cookie", line)


def keep_private(response: Any) -> None:
    """Forbid caches to hand this answer to anybody else (RFC 9111, 5.2.2)."""
    for name in _names(response):
        if name == "expires" or name.endswith(_CDN_HEADERS):
            del response.headers[name]
    response.headers["Cache-Control"] = "private, no-store"
    vary_by_cookie(response)


def vary_by_cookie(response: Any) -> None:
    """Say that the answer depends on who asks."""
    if "*" not in (response.headers.get("Vary") or ""):
        _add_to(response, "Vary", "Cookie")


def is_for_all(response: Any) -> bool:
    """Tell whether a shared cache may keep *response* (RFC 9111, 3 and 4.2.2)."""
    names = _names(response)
    control = (response.headers.get("Cache-Control") or "").lower()
    if any(name.endswith(_CDN_HEADERS) for name in names):
        return True
    if "private" in control or "no-store" in control:
        return False
    is_dated = "expires" in names or "last-modified" in names
    return is_dated or any(
        word in control for word in ("public", "max-age", "s-maxage")
    )


def _names(response: Any) -> list[str]:
    return [name.lower() for name in list(response.headers.keys())]


def _add_to(response: Any, name: str, value: str) -> None:
    """Add *value* to a header that is a list, unless it is there."""
    there = response.headers.get(name)
    items = [item.strip().lower() for item in (there or "").split(",")]
    if value.lower() not in items:
        response.headers[name] = f"{there}, {value}" if there else value
