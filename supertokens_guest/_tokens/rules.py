"""What a guest JWT is: what PyJWT checks, and the rules that make a guest of it.

The core's static key signs more than guests: OAuth tokens, services' tokens, sessions
when so configured. A signature alone therefore proves nothing; the rules here tell a
guest's token from all others (RFC 8725, 3.12).
"""

import base64
import functools
import inspect
import json
import re
import string
import time
from typing import Any, Literal

import jwt
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from supertokens_guest._tokens.keys import KEY_ID
from supertokens_guest._tokens.payload import (
    AUDIENCE,
    GUEST_ID,
    MAX_LIFETIME_SECONDS,
    REGISTERED,
    SESSION_CLAIMS,
)
from supertokens_guest.errors import TokenError, TokenFault
from supertokens_guest.events import shown

MAX_TOKEN_CHARS = 4_096  # what a browser keeps as one cookie (RFC 6265, 6.1)
LEEWAY_SECONDS = 60  # between the core's clock and ours; exp gets none of it
END_OF_TIME = 253_402_300_800  # the year 10000, which no datetime can hold

MAX_HEADER_CHARS = 512  # much longer than the core's

_BASE64URL = f"{string.ascii_letters}{string.digits}-_".encode()
_OTHERS_CLAIMS = SESSION_CLAIMS | {"nbf", "jti"}
_OPTIONS: Any = {"require": ["exp", "iat", "iss", "sub", "aud"], "strict_aud": True}
_FAULTS: dict[type[jwt.PyJWTError], TokenFault] = {
    jwt.InvalidSignatureError: "bad_signature",
    jwt.ExpiredSignatureError: "expired",
    jwt.ImmatureSignatureError: "not_yet_valid",
    jwt.InvalidIssuerError: "wrong_issuer",
    jwt.InvalidAudienceError: "wrong_audience",
    jwt.exceptions.InvalidSubjectError: "not_a_guest",
}
_MISSING: dict[str, TokenFault]
_MISSING = {"aud": "wrong_audience", "iss": "wrong_issuer", "sub": "not_a_guest"}


# A guest's id, payload, iat and exp.
Verified = tuple[str, dict[str, Any], float, float]


def checked_size(token: object) -> str:
    """Return *token* when it is text short enough to look at, or raise."""
    if type(token) is str:  # a subclass could lie about its length
        if len(token) <= MAX_TOKEN_CHARS:
            return token
        fault = f"is longer than {MAX_TOKEN_CHARS}."
    elif inspect.iscoroutine(token):
        token.close()
        fault = "is a coroutine: await it."
    else:
        fault = "is not a string."
    raise TokenError("malformed", f"The token {fault}")


def key_id(token: str) -> str:
    """Return the id of the key that *token*, with the header of a guest's, names."""
    header = token[: token.find(".")]
    # PyJWT lets padding pass, and nothing as a signature.
    if len(header) > MAX_HEADER_CHARS or "=" in token or ".." in f"{token}.":
        raise TokenError("malformed", "The token is not a compact JWS.")
    return _key_id(header)


def check_form(token: str) -> None:
    """Refuse all but three segments of base64url (RFC 7515, 7.1), as PyJWT will."""
    if token.encode(errors="replace").translate(None, _BASE64URL) != b"..":
        raise TokenError("malformed", "The token is not a compact JWS.")


@functools.lru_cache(maxsize=64)  # a core has one static key, so one header
def _key_id(segment: str) -> str:
    """Return the key id in a header that has exactly the members of the core's."""
    # So jku, jwk, x5u, crit and whatever else are never followed (RFC 8725, 3.10).
    header = _object(segment) or {}
    kid = str(header.get("kid"))
    if "version" in header or kid.startswith("d-"):
        raise TokenError("not_a_guest", "The token has the header of a session token.")
    # As the core writes it: each name once, in UTF-8 (RFC 7515, 4), one spelling.
    written = json.dumps(header, separators=(",", ":")).encode()
    if (
        header != {"alg": "RS256", "typ": "JWT", "kid": kid}
        or KEY_ID.fullmatch(kid) is None
        or base64.urlsafe_b64encode(written).decode().rstrip("=") != segment
    ):
        raise TokenError("malformed", "The token has not the header of a guest JWT.")
    return kid


def verified(token: str, key: RSAPublicKey, issuer: str) -> Verified:
    """Return what *token*, whose ``key_id`` was read, says, once every check holds."""
    try:
        claims = jwt.decode(
            token,
            key,
            algorithms=["RS256"],
            audience=AUDIENCE,
            issuer=issuer,
            leeway=LEEWAY_SECONDS,
            options=_OPTIONS,
        )
    except jwt.MissingRequiredClaimError as error:
        code = _MISSING.get(error.claim, "malformed")
    except jwt.PyJWTError as error:
        code = _FAULTS.get(type(error), "malformed")
    except (ValueError, TypeError, OverflowError, RecursionError):
        code = "malformed"  # PyJWT before 2.15.1 lets some of these out
    else:
        return _guest(claims)
    # Out here, or what PyJWT raised would come along, and its cause quotes the payload.
    issue = f"its iss is not {issuer}" if code == "wrong_issuer" else code
    raise TokenError(code, f"The token is refused: {issue}.")


def _guest(claims: dict[str, Any]) -> Verified:
    """Check what PyJWT does not, or not strictly enough."""
    if not _OTHERS_CLAIMS.isdisjoint(claims):
        message = "The token has claims of a session or OAuth token."
        raise TokenError("not_a_guest", message)
    guest_id, issued_at, expires_at = claims["sub"], claims["iat"], claims["exp"]
    if GUEST_ID.fullmatch(guest_id) is None:
        message = f"The token's sub is {shown(guest_id)}, no guest's."
        raise TokenError("not_a_guest", message)
    for instant in (issued_at, expires_at):  # a boolean is an int in Python, not here
        if type(instant) not in {int, float} or not 0 <= instant < END_OF_TIME:
            raise TokenError("malformed", "The token's iat or exp is no instant.")
    if expires_at - issued_at > MAX_LIFETIME_SECONDS + LEEWAY_SECONDS:
        raise TokenError("not_a_guest", "The token lives longer than a guest's may.")
    if expires_at <= time.time():  # PyJWT's leeway is for all instants alike
        raise TokenError("expired", "The token has expired.")
    for name in REGISTERED:
        del claims[name]
    return guest_id, claims, issued_at, expires_at


# A JWT of three segments, or an encrypted one of five, as other systems spell them.
_ANY_JWT = re.compile(
    r"(bearer(?:[ +]|%20)+)?([\w-]+=*)\.([\w-]*=*)\.[\w-]*=*(\.[\w-]*=*\.[\w-]*=*)?",
    re.ASCII | re.IGNORECASE,
)
_MAX_LOOKED_AT_CHARS = 16_384  # what servers let a request have for all its headers


def ownership(token: object, issuer: str) -> Literal["ours", "foreign", "nobodys"]:
    """Tell whose token lies where a guest's should, by what it says unverified.

    ``"ours"`` says that it is a guest of *issuer*; any other JWT, encrypted or behind
    ``Bearer``, is ``"foreign"``, to be left alone; ``"nobodys"`` may be replaced.
    """
    if type(token) is not str or len(token) > _MAX_LOOKED_AT_CHARS:
        return "nobodys"
    match = _ANY_JWT.fullmatch(token)
    header = None if match is None else _object(match[2])
    if match is None or header is None or "alg" not in header:
        return "nobodys"
    if match[4]:
        return "foreign" if "enc" in header else "nobodys"
    claims = _object(match[3])
    if claims is None:
        return "nobodys"
    says_ours = (claims.get("aud"), claims.get("iss")) == (AUDIENCE, issuer)
    return "ours" if says_ours and not match[1] else "foreign"


def _object(segment: str) -> dict[str, Any] | None:
    """Read a JSON object in base64url, only to compare it; ``None`` for all else."""
    # Leniently: what PyJWT refuses to read may be somebody's all the same.
    try:
        padded = segment + "=" * (-len(segment) % 4)
        value = json.loads(base64.urlsafe_b64decode(padded))
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None
