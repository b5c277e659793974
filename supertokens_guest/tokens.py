"""What a guest JWT looks like from outside, before anything in it can be trusted.

Size, shape and header: decided without a key, in microseconds, so that junk costs
nothing. Knows neither keys nor the rules for claims.
"""

from __future__ import annotations

import functools
import re
from itertools import permutations
from typing import Any, NamedTuple

from supertokens_guest import strict_json
from supertokens_guest.encoding import decode_base64url, is_canonical, outside_alphabet
from supertokens_guest.errors import MalformedTokenError, NotAGuestError
from supertokens_guest.jwks import KEY_ID

MAX_TOKEN_CHARS = 4_096
"""What a browser keeps as one cookie (RFC 6265, 6.1)."""

_MAX_HEADER_CHARS = 512
_MAX_HEADERS = 64  # remembered; a core has one static key, so one header

_MEMBERS = (rf'"kid":"({KEY_ID.pattern})"', '"typ":"JWT"', '"alg":"RS256"')
_HEADER = re.compile(
    "|".join(rf"\{{{','.join(order)}\}}" for order in permutations(_MEMBERS)).encode()
)
"""The header of a guest JWT, for ``fullmatch``: these members, in any order."""


def check_size(token: object) -> str:
    """Return *token* when it is text short enough to look at.

    Raises:
        MalformedTokenError: It is not.
    """
    if type(token) is not str:  # a subclass could lie about its length
        raise MalformedTokenError("The token is not a string.")
    if len(token) > MAX_TOKEN_CHARS:
        raise MalformedTokenError(f"The token is longer than {MAX_TOKEN_CHARS}.")
    return token


def key_id(token: str) -> str:
    """Return the id of the key that *token*, whose size is checked, is signed with.

    Raises:
        MalformedTokenError: The header is not one of a guest JWT.
        NotAGuestError: It is that of a session token.
    """
    return _key_id(token.partition(".")[0])


def split(token: str) -> tuple[bytes, bytes, bytes]:
    """Return header, payload and signature of *token*, whose size is checked.

    The three segments are still in base64url (RFC 7515, 7.1), and may be decoded.

    Raises:
        MalformedTokenError: There are not three, or one is empty, or not base64url as
            JOSE writes it: a token has one spelling.
    """
    if token.isascii():
        data = token.encode()
        if outside_alphabet(data) == b"..":
            header, payload, signature = data.split(b".")
            # The header's spelling is looked at with its content, once for all tokens.
            if header and is_canonical(payload) and is_canonical(signature):
                return header, payload, signature
    raise MalformedTokenError("The token is not a compact JWS.")


def parse_payload(segment: bytes) -> tuple[bytes, dict[str, Any]]:
    """Return the payload, as bytes and read, of a token whose signature holds.

    Raises:
        MalformedTokenError: It is not a strict JSON object.
    """
    try:
        body = decode_base64url(segment)
        claims = strict_json.parse(body)
    except ValueError:
        raise MalformedTokenError("The payload is not strict JSON.") from None
    if not isinstance(claims, dict):
        raise MalformedTokenError("The payload is not a JSON object.")
    return body, claims


@functools.lru_cache(maxsize=_MAX_HEADERS)
def _key_id(segment: str) -> str:
    """Return the key id in a header that has exactly the members of the core's.

    Compared, not parsed: the core writes it compactly and without escapes, and a JSON
    reader is a large thing to show to strangers. So nothing in it is ever followed:
    ``jku``, ``jwk``, ``x5u``, ``crit``, ``zip`` and whatever else may come (RFC 8725,
    3.10) make it another header.
    """
    header = _decoded(segment)
    match = _HEADER.fullmatch(header)
    if match is not None and match.lastindex is not None:
        return match[match.lastindex].decode()
    if b'"version":' in header or b'"kid":"d-' in header:
        raise NotAGuestError("The token has the header of a session token.")
    raise MalformedTokenError("The token does not have the header of a guest JWT.")


def _decoded(segment: str) -> bytes:
    """Decode a header; what cannot be one becomes nothing."""
    if len(segment) > _MAX_HEADER_CHARS or not segment.isascii():
        return b""
    data = segment.encode()
    if outside_alphabet(data) or not is_canonical(data):
        return b""
    return decode_base64url(data)


class Claimed(NamedTuple):
    """What an unverified JWT says about itself. Good for nothing but politeness.

    Attributes:
        audience: Its ``aud``, of any type; ``None`` without one.
        issuer: Its ``iss``, likewise.
    """

    audience: Any
    issuer: Any


def claimed(token: object) -> Claimed | None:
    """Return what *token* claims to be, or ``None`` when it is no readable JWT.

    For telling a token that somebody else put under our cookie's name, which is left
    alone, from one of ours. Never raises, and looks at no more than a cookie's length.
    """
    try:
        header_segment, payload_segment, _ = split(check_size(token))
        header = strict_json.parse(decode_base64url(header_segment))
        _, claims = parse_payload(payload_segment)
    except (ValueError, MalformedTokenError):
        return None
    if not isinstance(header, dict) or "alg" not in header:
        return None
    return Claimed(claims.get("aud"), claims.get("iss"))
