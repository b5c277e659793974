"""What a guest JWT may say, and what of that an app may put there."""

import json
import math
import re
from collections.abc import Mapping
from datetime import date
from typing import Any

from supertokens_guest.errors import PayloadError, PayloadTooLargeError
from supertokens_guest.events import shown

# What makes a JWT a guest: the SDK refuses one with any ``aud`` as a session.
AUDIENCE = "supertokens-guest"
# The prefix is the SuperTokens documentation's; no user id of the core begins with it.
GUEST_ID = re.compile(r"G-[A-Za-z0-9_-]{1,64}")
# Ten years, as in the SuperTokens documentation, whatever the configuration says now.
MAX_LIFETIME_SECONDS = 315_360_000
# Some 40 UUIDs. A cookie of 4,096 bytes (RFC 6265, 6.1) has to hold it in base64 beside
# the other claims and the signature, and the answer that sets it has to pass a proxy.
MAX_PAYLOAD_BYTES = 1_536
MAX_DEPTH = 32  # the core refuses sessions from 255 levels; nobody's cart is that deep

# The claims (RFC 7519, 4.1) that every guest JWT has beside its payload.
REGISTERED = frozenset({"iss", "iat", "exp", "sub", "aud"})
# Claims that make a token a session's or an OAuth client's, so never a guest's.
SESSION_CLAIMS = frozenset(
    {"sessionHandle", "refreshTokenHash1", "parentRefreshTokenHash1", "antiCsrfToken"}
    | {"tId", "rsub", "stt", "client_id", "scp", "scope", "sid"}
)
# Names that mean something to JWT, to SuperTokens or to JavaScript.
RESERVED = (
    REGISTERED
    | SESSION_CLAIMS
    | {"nbf", "jti", "isImpersonation", "__proto__", "constructor", "prototype"}
)
# Of names inside a session: the SDK's (``st-role``, ``st-mfa``), ours (``sg-waiting``).
RESERVED_PREFIXES = ("st-", "sg-")

_SURROGATE = re.compile("[\ud800-\udfff]")  # in a str, half a character


def is_reserved(name: str) -> bool:
    """Tell whether *name* may neither be in a payload nor enter a session."""
    return name in RESERVED or name.startswith(RESERVED_PREFIXES)


def checked_payload(payload: object) -> dict[str, Any]:
    """Return a copy of *payload* that the core will carry unchanged, or raise."""
    copy = plain_copy(payload)
    for name in copy:
        if is_reserved(name):
            reason = "is a name that SuperTokens, JWT or JavaScript gives a meaning to"
            raise PayloadError(f"[{shown(name)}]", reason)
    size = len(json.dumps(copy, separators=(",", ":")))
    if size > MAX_PAYLOAD_BYTES:
        reason = f"takes {size:,} bytes of JSON, more than {MAX_PAYLOAD_BYTES:,}"
        raise PayloadTooLargeError("", reason)
    return copy


def plain_copy(payload: object) -> dict[str, Any]:
    """Return a copy of *payload* that comes back from JSON as it went in, or raise."""
    if not isinstance(payload, Mapping):
        raise PayloadError("", "is not a mapping")
    copy: dict[str, Any] = _copy(dict(payload), "", ())
    return copy


def _copy(value: object, path: str, above: tuple[int, ...]) -> Any:
    """Copy *value*, found at *path* inside the containers with the ids *above*."""
    if not isinstance(value, (dict, list)):
        return _copy_scalar(value, path)
    if id(value) in above:
        raise PayloadError(path, "contains itself")
    above = (*above, id(value))
    if len(above) > MAX_DEPTH:
        raise PayloadError(path, f"is more than {MAX_DEPTH} levels deep")
    if isinstance(value, list):
        items = enumerate(list.__iter__(value))
        return [_copy(item, f"{path}[{i}]", above) for i, item in items]
    copy: dict[str, Any] = {}
    for key, item in dict.items(value):
        if not isinstance(key, str):
            raise PayloadError(path, f"has a name that is a {type(key).__name__}")
        name = _copy_scalar(key, path)
        if name in copy:
            raise PayloadError(path, f"has the name {shown(name)} twice")
        copy[name] = _copy(item, f"{path}[{shown(name)}]", above)
    return copy


def _copy_scalar(value: object, path: str) -> Any:
    """Copy to JSON's own types: a subclass could answer differently another time."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        text = str.__str__(value)
        if _SURROGATE.search(text):
            raise PayloadError(path, "holds a lone surrogate")
        return text
    if isinstance(value, float):
        if not math.isfinite(value):
            raise PayloadError(path, "is not a finite number, which JSON cannot hold")
        return float.__float__(value)
    if isinstance(value, int):
        integer = int.__index__(value)
        if not -(2**63) <= integer < 2**63:
            raise PayloadError(path, "is an integer outside 64 bits, as the core's are")
        return integer
    kind = type(value).__name__
    hint = " (write it as text, such as isoformat())" if isinstance(value, date) else ""
    raise PayloadError(path, f"is a {kind}, which JSON cannot bring back{hint}")
