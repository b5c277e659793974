"""The guest's cookie: how it is read from a header, and which attributes it has.

One place decides the attributes, for setting and for clearing and for every framework.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

MAX_AGE_SECONDS = 400 * 24 * 60 * 60
"""The longest that browsers keep a cookie (RFC 6265bis, 5.5)."""

SESSION_COOKIES = frozenset({"sAccessToken", "sRefreshToken", "sIdRefreshToken"})
"""The cookies in which a request brings a login session, valid or expired."""

SDK_COOKIES = SESSION_COOKIES | {
    "sFrontToken",
    "sAntiCsrf",
    "st-last-access-token-update",
}
"""The names that SuperTokens uses itself, in the back end and in the browser."""

COOKIE_ATTRIBUTES = frozenset(
    {"comment", "domain", "expires", "httponly", "max-age", "partitioned", "path"}
    | {"samesite", "secure", "version"}
)
"""Names that no cookie can have in Python: ``http.cookies`` takes them for these."""

SameSite = Literal["lax", "strict", "none"]


@dataclass(frozen=True, kw_only=True, slots=True)
class CookieAttributes:
    """What a guest cookie has beside its value; always ``HttpOnly`` and ``Path=/``.

    Attributes:
        name: The cookie's name.
        domain: ``Domain``, or ``None`` for this host alone.
        older_domain: A domain that the app used before, whose cookie must go as well.
        secure: Whether it is sent over HTTPS alone.
        same_site: ``SameSite``.
    """

    name: str
    domain: str | None
    older_domain: str | None
    secure: bool
    same_site: SameSite


def cookie_attributes(
    name: str,
    *,
    domain: str | None,
    older_domain: str | None,
    secure: bool,
    same_site: SameSite,
) -> CookieAttributes:
    """Decide the guest cookie's attributes from those of the session cookies.

    A prefix of the name is a promise to the browser (RFC 6265bis, 4.1.3) and comes
    first: a cookie without ``Secure``, or with a ``Domain`` under ``__Host-``, would be
    dropped.
    """
    host_only = name.lower().startswith("__host-")
    return CookieAttributes(
        name=name,
        domain=None if host_only else domain,
        older_domain=None if host_only else older_domain,
        secure=secure or host_only or name.lower().startswith("__secure-"),
        same_site=same_site,
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


def cookie_names(header: str) -> set[str]:
    """Return the names in the ``Cookie`` header."""
    return {pair.partition("=")[0].strip() for pair in header.split(";")}


def max_age_seconds(expires_at: float, now: float) -> int:
    """Return how long the browser shall keep a token that ends at *expires_at*.

    Both are seconds since the epoch. Never negative, never more than browsers allow.
    """
    return max(0, min(int(expires_at - now), MAX_AGE_SECONDS))
