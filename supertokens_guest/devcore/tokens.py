"""Tokens as the core writes and reads them: JWTs, access tokens, refresh tokens."""

from __future__ import annotations

import base64
import hashlib
import json
import math
import secrets
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from .call import RefusalError
from .keys import base64url

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .keys import KeyRing, SigningKey

# In the order in which the core looks for them.
PROTECTED_CLAIMS = (
    "sub",
    "exp",
    "iat",
    "sessionHandle",
    "refreshTokenHash1",
    "parentRefreshTokenHash1",
    "antiCsrfToken",
    "tId",
    "rsub",
)
STRUCTURE_CHANGED = (
    "Access token does not contain all the information. "
    "Maybe the structure has changed?"
)
_JWT_EXCEPTION = "io.supertokens.session.jwt.JWT$JWTException: "
_INT64 = range(-(2**63), 2**63)


class TokenReadError(Exception):
    """A token cannot be accepted; the message is what the core says about it."""


class MalformedTokenError(TokenReadError):
    """A token is no JWT of the core's kind; some endpoints answer 500 to that."""

    def __init__(self, message: str) -> None:
        """Say it as the core's exception does."""
        super().__init__(_JWT_EXCEPTION + message)


def sha256(text: str) -> str:
    """Return the SHA-256 of *text* in hexadecimal."""
    return hashlib.sha256(text.encode()).hexdigest()


def encode_jwt(key: SigningKey, claims: Mapping[str, Any], **header: str) -> str:
    """Sign *claims* as the core's JWT library would write them.

    Raises:
        RefusalError: They hold an integer of more than 64 bits.
    """
    head = {"kid": key.kid, "typ": "JWT", **header, "alg": "RS256"}
    message = f"{_json_part(head)}.{_json_part(_java_claims(claims))}"
    return f"{message}.{base64url(key.sign(message.encode()))}"


def _java_claims(claims: Mapping[str, Any]) -> dict[str, Any]:
    """Return the claims as java-jwt 4.4 serializes them."""
    out = {name: _java_value(value) for name, value in claims.items()}
    if "aud" in out:
        audience = out["aud"] if isinstance(out["aud"], list) else [out["aud"]]
        audience = [name for name in audience if isinstance(name, str)]
        if audience:
            out["aud"] = audience[0] if len(audience) == 1 else audience
        else:
            del out["aud"]
    return out


def _java_value(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _java_value(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_java_value(item) for item in value]
    if isinstance(value, int) and value not in _INT64:
        raise RefusalError(
            500,
            "java.lang.IllegalArgumentException: Claim values must only be of types "
            "Map, List, Boolean, Integer, Long, Double, String, Date, Instant, and "
            "Null",
        )
    if isinstance(value, float) and not math.isfinite(value):
        return {"inf": "Infinity", "-inf": "-Infinity", "nan": "NaN"}[str(value)]
    return value


def _json_part(value: Mapping[str, Any]) -> str:
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return base64url(text.encode("utf-8", "replace"))


@dataclass(frozen=True, slots=True)
class AccessToken:
    """The claims of an access token, version 5.

    Attributes:
        payload: The app's claims, ``userDataInJWT``.
    """

    session_handle: str
    user_id: str
    recipe_user_id: str
    refresh_hash1: str
    parent_hash1: str | None
    anti_csrf: str | None
    issued_at: int
    expires_at: int
    payload: dict[str, Any]

    def encode(self, key: SigningKey) -> str:
        """Sign the token."""
        claims = {
            "iat": self.issued_at,
            "exp": self.expires_at,
            "sub": self.user_id,
            "tId": "public",
            "rsub": self.recipe_user_id,
            "sessionHandle": self.session_handle,
            "refreshTokenHash1": self.refresh_hash1,
            "parentRefreshTokenHash1": self.parent_hash1,
            "antiCsrfToken": self.anti_csrf,
            **self.payload,
        }
        return encode_jwt(key, claims, version="5")


def refuse_protected_claims(payload: Mapping[str, Any]) -> None:
    """Refuse an access token payload that would replace a claim of the core.

    Raises:
        RefusalError: It holds one of `PROTECTED_CLAIMS`.
    """
    if any(name in payload for name in PROTECTED_CLAIMS):
        raise RefusalError(400, "The user payload contains protected field")


def read_access_token(token: str, keys: KeyRing | None = None) -> AccessToken:
    """Read an access token, with its signature checked if *keys* are given.

    Raises:
        TokenReadError: It is not an access token, or not ours.
    """
    parts = token.split(".")
    if len(parts) != 3:  # noqa: PLR2004 -- header, payload, signature (RFC 7515)
        raise MalformedTokenError("Invalid JWT")
    header = _read_part(parts[0])
    for name, value in (("typ", "JWT"), ("alg", "RS256"), ("kid", None)):
        if not isinstance(header.get(name), str | int | float):
            raise MalformedTokenError(f"JWT header missing - {name}")
        if not isinstance(header[name], str) or value not in {None, header[name]}:
            raise MalformedTokenError(f"JWT header mismatch - {name}")
    if keys is not None:
        _check_signature(parts, header["kid"], keys)
    claims = _read_part(parts[1])
    for name in PROTECTED_CLAIMS:
        if name not in claims:
            raise TokenReadError(f"{STRUCTURE_CHANGED} {name}")
    return AccessToken(
        session_handle=claims["sessionHandle"],
        user_id=claims["sub"],
        recipe_user_id=claims["rsub"],
        refresh_hash1=claims["refreshTokenHash1"],
        parent_hash1=claims["parentRefreshTokenHash1"],
        anti_csrf=claims["antiCsrfToken"],
        issued_at=claims["iat"],
        expires_at=claims["exp"],
        payload={k: v for k, v in claims.items() if k not in PROTECTED_CLAIMS},
    )


def _read_part(part: str) -> dict[str, Any]:
    try:
        value = json.loads(base64.urlsafe_b64decode(part + "=="))
    except ValueError:
        value = None
    if not isinstance(value, dict):
        raise MalformedTokenError("Invalid JWT")
    return value


def _check_signature(parts: list[str], kid: str, keys: KeyRing) -> None:
    key = keys.find(kid)
    if key is None:
        raise TokenReadError("Key not found")
    try:
        signature = base64.urlsafe_b64decode(parts[2] + "==")
        key.verify(signature, f"{parts[0]}.{parts[1]}".encode())
    except (ValueError, InvalidSignature):
        raise MalformedTokenError("JWT verification failed") from None


@dataclass(frozen=True, slots=True)
class RefreshToken:
    """What is sealed in a refresh token, version 2."""

    session_handle: str
    user_id: str
    parent_hash1: str | None
    anti_csrf: str | None

    def encode(self, secret: bytes) -> str:
        """Seal the token with AES-256-GCM; two never look alike."""
        nonce = sha256(str(uuid.uuid4()))
        kept = [self.session_handle, self.user_id, self.parent_hash1, self.anti_csrf]
        initial = secrets.token_bytes(12)
        sealed = AESGCM(secret).encrypt(
            initial, json.dumps([*kept, nonce]).encode(), None
        )
        return f"{base64.b64encode(initial + sealed).decode()}.{nonce}.V2"


def read_refresh_token(token: str, secret: bytes) -> RefreshToken:
    """Open a refresh token.

    Raises:
        TokenReadError: This core did not make it.
    """
    sealed, _, rest = token.partition(".")
    nonce, _, version = rest.partition(".")
    if version.upper() != "V2":
        raise TokenReadError(
            "io.supertokens.session.refreshToken.RefreshToken"
            "$InvalidRefreshTokenFormatException: version of refresh token not "
            "recognised"
        )
    try:
        raw = base64.b64decode(sealed, validate=True)
        *kept, kept_nonce = json.loads(AESGCM(secret).decrypt(raw[:12], raw[12:], None))
    except (ValueError, InvalidTag):
        raise TokenReadError("javax.crypto.AEADBadTagException: Tag mismatch") from None
    if kept_nonce != nonce:
        raise TokenReadError("Invalid refresh token")
    return RefreshToken(*kept)
