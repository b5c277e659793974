"""The guest's cookie and header: how they are read, and the one place that writes them.

Starlette, Werkzeug and Django give their responses the same ``set_cookie`` and a
mapping of headers, which is all that is used here.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from http.cookies import SimpleCookie
from typing import TYPE_CHECKING, Any, Literal

from supertokens_guest.errors import ConfigError

if TYPE_CHECKING:
    from supertokens_python.framework.request import BaseRequest

    from supertokens_guest._runtime import Runtime
    from supertokens_guest.guest import Guest

MAX_AGE_SECONDS = 400 * 24 * 60 * 60
"""The longest that browsers keep a cookie (RFC 6265bis, 5.5)."""

GUEST_HEADER = "guest-jwt"
"""How a guest travels for clients without cookies, in both directions."""

_CDN_HEADERS = ("surrogate-control", "cdn-cache-control")


@dataclass(frozen=True, kw_only=True, slots=True)
class CookieAttributes:
    """What a guest cookie has beside its value; always ``HttpOnly`` and ``Path=/``."""

    name: str
    domain: str | None
    older_domain: str | None
    secure: bool
    same_site: Literal["lax", "strict", "none"]


def cookie_attributes(runtime: Runtime, request: BaseRequest) -> CookieAttributes:
    """Decide the guest cookie's attributes from those of the session cookies.

    A prefix of the name is a promise to the browser (RFC 6265bis, 4.1.3) and comes
    first: a cookie without ``Secure``, or with a ``Domain`` under ``__Host-``, would be
    dropped.

    Raises:
        ConfigError: Browsers would drop it for want of ``Secure``.
    """
    session = runtime.session_config
    name = runtime.config.cookie_name
    host_only = name.lower().startswith("__host-")
    attributes = CookieAttributes(
        name=name,
        domain=None if host_only else session.cookie_domain,
        older_domain=None if host_only else session.older_cookie_domain,
        secure=is_secure(runtime, secure=session.cookie_secure),
        same_site=session.get_cookie_same_site(request, {}),
    )
    refuse_same_site_none(attributes.same_site, secure=attributes.secure)
    return attributes


def is_secure(runtime: Runtime, *, secure: bool) -> bool:
    """Tell whether the guest cookie is ``Secure``, when the session cookies are so."""
    name = runtime.config.cookie_name.lower()
    return secure or name.startswith(("__host-", "__secure-"))


def refuse_same_site_none(same_site: str, *, secure: bool) -> None:
    """Refuse a cookie that every browser drops.

    Raises:
        ConfigError: ``SameSite=None`` without ``Secure``.
    """
    if same_site == "none" and not secure:
        raise ConfigError(
            "The guest cookie would be SameSite=None without Secure, which browsers"
            " drop: serve the API over https, or website and API on one site."
        )


def cookie_values(header: str, name: str) -> list[str]:
    """Return every value that the ``Cookie`` header has for *name*, in its order.

    Frameworks keep the first or the last of several; a guest must not depend on which.
    The order is the browser's: the most specific path first (RFC 6265, 5.4).
    """
    if name not in header:
        return []
    values = []
    for pair in header.split(";"):
        key, equals, value = pair.partition("=")
        if equals and key.strip() == name:
            value = value.strip()
            quoted = len(value) > 1 and value[0] == value[-1] == '"'
            values.append(value[1:-1] if quoted else value)
    return values


def set_cookie(
    response: Any, token: str, guest: Guest | None, attributes: CookieAttributes
) -> None:
    """Set the guest cookie for as long as the token lives, or browsers keep one."""
    age = MAX_AGE_SECONDS
    if guest is not None:
        age = max(0, min(int(guest.expires_at.timestamp() - time.time()), age))
    _write(response, attributes, attributes.domain, token, age)
    keep_private(response)


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
    keep_private(response)


def set_header(response: Any, value: str) -> None:
    """Send the guest, or ``remove``, to a client without cookies."""
    response.headers[GUEST_HEADER] = value
    _add_to(response, "Access-Control-Expose-Headers", GUEST_HEADER)
    keep_private(response)


def keep_newest_session(response: Any) -> None:
    """Send one access token where the SDK has written two: each takes a kilobyte.

    Django keeps one cookie for each name by itself.
    """
    if hasattr(response, "cookies"):
        return
    lines = response.headers.getlist("set-cookie")
    tokens = [line for line in lines if line.startswith("sAccessToken=")]
    if len(tokens) > 1:
        del response.headers["set-cookie"]
        add = getattr(response.headers, "append", None) or response.headers.add
        for line in lines:
            if line not in tokens[:-1]:
                add("set-cookie", line)


def keep_private(response: Any) -> None:
    """Forbid caches to hand this answer to anybody else (RFC 9111, 5.2.2)."""
    for name in [name for name in response.headers.keys() if _lets_caches(name)]:  # noqa: SIM118 - Django's and Werkzeug's headers iterate differently
        del response.headers[name]
    response.headers["Cache-Control"] = "private, no-store"
    vary_by_cookie(response)


def vary_by_cookie(response: Any) -> None:
    """Say that the answer depends on who asks."""
    if "*" not in (response.headers.get("Vary") or ""):
        _add_to(response, "Vary", "Cookie")


def is_for_all(response: Any) -> bool:
    """Tell whether a shared cache may keep *response* (RFC 9111, 3 and 4.2.2)."""
    if any(_is_cdn(name) for name in response.headers.keys()):  # noqa: SIM118 - see above
        return True
    control = (response.headers.get("Cache-Control") or "").lower()
    if "private" in control or "no-store" in control:
        return False
    return any(word in control for word in ("public", "max-age", "s-maxage")) or any(
        name in response.headers for name in ("Expires", "Last-Modified")
    )


def _lets_caches(name: str) -> bool:
    return name.lower() == "expires" or _is_cdn(name)


def _is_cdn(name: str) -> bool:
    return name.lower().endswith(_CDN_HEADERS)


def _add_to(response: Any, name: str, value: str) -> None:
    """Add *value* to a header that is a list, unless it is there."""
    there = response.headers.get(name)
    names = {item.strip().lower() for item in (there or "").split(",")}
    if value.lower() not in names:
        response.headers[name] = f"{there}, {value}" if there else value


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
