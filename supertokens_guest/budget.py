"""How many bytes of headers a login answers with, once claims are in its session.

Each claim travels twice: in the access token and in the front token. A proxy with
default buffers (nginx: 4,096 bytes for all headers of a response) answers 502 to more,
while the user's row stays; so what does not fit is not moved. All sizes are upper
bounds for the cookie transport, in which they are largest.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from supertokens_guest.claims import encoded

MAX_HEADERS_BYTES = 4_000
"""Below nginx's 4,096, for what a number here may be off by."""

OTHER_HEADERS_BYTES = 260
"""Set aside for headers that are neither the session's nor ours: the status line,
``Date``, ``Server``, ``Content-Type``, ``Content-Length`` (139 bytes with uvicorn), and
the two or three that a cross-origin front end needs."""

_SHA256_HEX = 64
_UUID = 36
_RS256_SIGNATURE = 342  # RSA-2048, in base64url without padding
_COOKIE_ATTRIBUTES = len(
    "; expires=Wed, 24 Nov 2027 00:00:00 GMT; HttpOnly; Path=; SameSite=strict"
)
# {"kid":"s-<uuid>","typ":"JWT","version":"5","alg":"RS256"}, the longer of the two keys
_HEADER = 93
# What the core makes for the refresh after a login: 468 characters for user ids of 36,
# of which up to 24 more by percent-encoding, and two quotes.
_REFRESH_TOKEN = 468 + 24 + 2
_REFRESH_TOKEN_ANTI_CSRF = 544 + 32 + 2 - _REFRESH_TOKEN


@dataclass(frozen=True, kw_only=True, slots=True)
class SessionShape:
    """What the size of a session's headers depends on, beside its claims.

    Attributes:
        user_id: The longer of the user's two ids.
        tenant_id: The tenant of the login.
        cookie_domain: ``Domain`` of the session cookies, or ``None``.
        refresh_path: ``Path`` of the refresh token's cookie.
        secure: Whether the session cookies are ``Secure``.
        anti_csrf: Whether the session gets an anti-CSRF token.
        token_in_header: Whether the access token is sent in a header beside its cookie.
    """

    user_id: str
    tenant_id: str
    cookie_domain: str | None
    refresh_path: str
    secure: bool
    anti_csrf: bool
    token_in_header: bool


def headers_bytes(shape: SessionShape, access_token_payload: Mapping[str, Any]) -> int:
    """Return the most bytes that the headers of this login, or its refresh, can take.

    The refresh is the larger of the two: its access token names the token that it
    replaces, and so does its refresh token.

    Args:
        shape: What the session has beside its claims.
        access_token_payload: The app's and our claims, without the core's own.
    """
    payload = {**access_token_payload, **_core_claims(shape)}
    # The core writes UTF-8 as it is, the SDK's front token escapes what is not ASCII.
    access_token = (
        _HEADER
        + _base64_bytes(len(_utf8_json(payload)) + _float_slack(access_token_payload))
        + _RS256_SIGNATURE
    )
    front = {"ate": 10**12, "uid": shape.user_id, "up": payload}
    lines = [
        _cookie_line(shape, "sAccessToken", "/", access_token),
        _cookie_line(shape, "sRefreshToken", shape.refresh_path, _refresh_token(shape)),
        _line("front-token", _base64_bytes(len(encoded(front))) + 3),
        _line("access-control-expose-headers", len("front-token,anti-csrf")),
    ]
    if shape.anti_csrf:
        lines.append(_line("anti-csrf", _UUID))
    if shape.token_in_header:
        lines.append(_line("st-access-token", access_token))
        lines.append(len(",st-access-token"))
    return sum(lines) + OTHER_HEADERS_BYTES


def _core_claims(shape: SessionShape) -> dict[str, Any]:
    """Return claims as long as those that the core adds to a refreshed session."""
    tenant = "" if shape.tenant_id == "public" else f"_{shape.tenant_id}"
    return {
        "iat": 10**9,
        "exp": 10**9,
        "sub": shape.user_id,
        "tId": shape.tenant_id,
        "rsub": shape.user_id,
        "sessionHandle": "h" * _UUID + tenant,
        "refreshTokenHash1": "h" * _SHA256_HEX,
        "parentRefreshTokenHash1": "h" * _SHA256_HEX,
        "antiCsrfToken": "h" * _UUID if shape.anti_csrf else None,
    }


def _refresh_token(shape: SessionShape) -> int:
    """Return the most characters of a refresh token as a cookie's value."""
    size = _REFRESH_TOKEN + (_REFRESH_TOKEN_ANTI_CSRF if shape.anti_csrf else 0)
    longer_id = max(0, len(shape.user_id.encode()) - _UUID)
    return size + 2 * (longer_id + len(shape.tenant_id.encode()))


def _cookie_line(shape: SessionShape, name: str, path: str, value: int) -> int:
    """Return the size of a ``Set-Cookie`` line whose value has *value* characters."""
    attributes = _COOKIE_ATTRIBUTES + len(path)
    if shape.cookie_domain is not None:
        attributes += len("; Domain=") + len(shape.cookie_domain)
    if shape.secure:
        attributes += len("; Secure")
    return _line("set-cookie", len(name) + 1 + value + attributes)


def _line(name: str, value: int) -> int:
    """Return the size of a header line, with ``": "`` and the line's end."""
    return len(name) + 2 + value + 2


def _base64_bytes(size: int) -> int:
    """Return the length of *size* bytes in base64 without padding."""
    return (size * 4 + 2) // 3


def _utf8_json(value: object) -> bytes:
    """Return compact JSON as the core writes it."""
    text = json.dumps(value, separators=(",", ":"), ensure_ascii=False)
    return text.encode("utf-8", "surrogatepass")


def _float_slack(value: object) -> int:
    """Return how much longer the core may write the floats in *value* than Python."""
    if isinstance(value, float):
        return max(0, _java_float_chars(value) - len(repr(value)))
    if isinstance(value, Mapping):
        return sum(_float_slack(item) for item in value.values())
    if isinstance(value, list):
        return sum(_float_slack(item) for item in value)
    return 0


def _java_float_chars(value: float) -> int:
    """Return how long a number is in Java (``Double.toString``), as the core writes it.

    From 0.001 to ten million as Python does, beyond that as ``-1.25E-10``, always with
    a digit behind the point.
    """
    sign, digits, exponent = Decimal(repr(value)).normalize().as_tuple()
    leading = len(digits) - 1 + int(exponent)
    if not value or -3 <= leading < 7:  # noqa: PLR2004 - the powers of ten named above
        return len(repr(value))
    return sign + len("1.E") + max(1, len(digits) - 1) + len(str(leading))
