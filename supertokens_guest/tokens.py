"""What a guest JWT looks like from outside, before anything in it can be trusted.

Size, shape and header: decided without a key, in microseconds, so that junk costs
nothing. Knows neither keys nor the rules for claims.
"""

from __future__ import annotations

import functools
import re
from typing import Any, NamedTuple

from supertokens_guest import strict_json
from supertokens_guest.encoding import decode_checked
from supertokens_guest.errors import MalformedTokenError, NotAGuestError
from supertokens_guest.jwks import is_key_id

MAX_TOKEN_CHARS = 4_096
"""What a browser keeps as one cookie (RFC 6265, 6.1)."""

_MAX_HEADER_CHARS = 512
_MAX_HEADERS = 64  # remembered; a core has one static key, so one header

_HEADER_MEMBERS = {"alg", "typ", "kid"}

_COMPACT = re.compile(r"([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)")
"""The compact serialisation (RFC 7515, 7.1), for ``fullmatch``."""


class ParsedToken(NamedTuple):
    """The parts of a JWT whose header is one that the core writes.

    Attributes:
        kid: The id of the key to check it with.
        payload: The payload, in base64url still.
        signature: The signature.
        signed: The bytes that the signature is of.
    """

    kid: str
    payload: str
    signature: bytes
    signed: bytes


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


def parse(token: str) -> ParsedToken:
    """Return the parts of *token*, whose size is checked.

    Raises:
        MalformedTokenError: It is no JWT that the core signs with RS256.
        NotAGuestError: It has a session token's header.
    """
    match = _COMPACT.fullmatch(token)
    if match is None:
        raise MalformedTokenError("The token is not a compact JWS.")
    header, payload, signature = match.groups()
    kid = _key_id(header)
    try:
        decoded = decode_checked(signature)
    except ValueError:
        raise MalformedTokenError("The signature is not base64url.") from None
    return ParsedToken(kid, payload, decoded, token[: match.end(2)].encode())


def parse_payload(segment: str) -> tuple[bytes, dict[str, Any]]:
    """Return the payload, as bytes and read, of a token whose signature holds.

    Raises:
        MalformedTokenError: It is not a strict JSON object.
    """
    try:
        body = decode_checked(segment)
        claims = strict_json.parse(body)
    except ValueError:
        raise MalformedTokenError("The payload is not strict JSON.") from None
    if not isinstance(claims, dict):
        raise MalformedTokenError("The payload is not a JSON object.")
    return body, claims


@functools.lru_cache(maxsize=_MAX_HEADERS)
def _key_id(segment: str) -> str:
    """Return the key id in a header that is exactly one of the core's.

    Nothing in it is ever followed: ``jku``, ``jwk``, ``x5u``, ``crit``, ``zip`` and
    whatever else may come (RFC 8725, 3.10) make it another header.
    """
    if len(segment) > _MAX_HEADER_CHARS:
        raise MalformedTokenError("The header is too long.")
    try:
        header = strict_json.parse(decode_checked(segment))
    except ValueError:
        raise MalformedTokenError("The header is not strict JSON.") from None
    if not isinstance(header, dict) or header.get("alg") != "RS256":
        raise MalformedTokenError("The header's alg is not RS256.")
    kid = header.get("kid")
    if "version" in header or (isinstance(kid, str) and kid.startswith("d-")):
        raise NotAGuestError("The token has the header of a session token.")
    if header.keys() != _HEADER_MEMBERS or header["typ"] != "JWT":
        raise MalformedTokenError("The header has other members than a guest JWT's.")
    if not is_key_id(kid):
        raise MalformedTokenError("The header's kid is not the id of a static key.")
    return str(kid)


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
        match = _COMPACT.fullmatch(check_size(token))
        if match is None:
            return None
        header = strict_json.parse(decode_checked(match[1]))
        _, claims = parse_payload(match[2])
    except (ValueError, MalformedTokenError):
        return None
    if not isinstance(header, dict) or "alg" not in header:
        return None
    return Claimed(claims.get("aud"), claims.get("iss"))
