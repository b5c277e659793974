"""JWTs for anybody, and the key set that verifies them."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any

from cryptography.exceptions import InvalidSignature

from .answers import Answer, Json, json_answer, json_bytes, refusal
from .keys import KeyRing, SigningKey, base64url
from .routing import route

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .storage import Core

_INT64 = range(-(2**63), 2**63)


class JwtError(Exception):
    """A text is no JWT, or not one of this core's."""


@route("POST /recipe/jwt", tenants="app")
def create(
    core: Core,
    *,
    algorithm: str,
    jwks_domain: str,
    payload: Json,
    validity: int,
    use_static_signing_key: bool = True,
) -> Json:
    """Sign a payload, whose claims win over the core's."""
    if validity <= 0:
        raise refusal(400, "validity must be greater than or equal to 0")
    if algorithm.upper() != "RS256":
        return {"status": "UNSUPPORTED_ALGORITHM_ERROR"}
    now = core.now_ms() // 1000
    claims = {"iat": now, "exp": now + validity, "iss": jwks_domain, **payload}
    key = core.keys.signing_key(static=use_static_signing_key)
    return {"jwt": encode(key, claims)}


@route("GET /.well-known/jwks.json", tenants="any", is_open=True)
def key_set(core: Core) -> Answer:
    """Publish the keys, for anybody."""
    max_age = f"max-age={core.keys.max_age_seconds()}, must-revalidate"
    return json_answer(_keys(core), Cache_Control=max_age)


@route("GET /recipe/jwt/jwks", tenants="app")
def older_key_set(core: Core) -> Json:
    """Publish them as cores did before."""
    return _keys(core)


def _keys(core: Core) -> Json:
    return {"keys": [key.jwk for key in core.keys.published()]}


def encode(key: SigningKey, claims: Mapping[str, Any], **header: str) -> str:
    """Sign *claims* as the core's library (java-jwt 4.4) writes them.

    Raises:
        RefusalError: They hold an integer of more than 64 bits.
    """
    claims = dict(claims)
    _refuse_large_integers(claims)
    if "aud" in claims:
        audience = claims.pop("aud")
        audience = audience if isinstance(audience, list) else [audience]
        audience = [name for name in audience if isinstance(name, str)]
        if audience:
            claims["aud"] = audience if len(audience) > 1 else audience[0]
    head = {"kid": key.kid, "typ": "JWT", **header, "alg": "RS256"}
    message = f"{base64url(json_bytes(head))}.{base64url(json_bytes(claims))}"
    return f"{message}.{base64url(key.sign(message.encode()))}"


def _refuse_large_integers(claims: Json) -> None:
    pending: list[Any] = [claims]
    while pending:
        value = pending.pop()
        if isinstance(value, dict):
            pending += value.values()
        elif isinstance(value, list):
            pending += value
        elif isinstance(value, int) and value not in _INT64:
            raise refusal(
                500,
                "java.lang.IllegalArgumentException: Claim values must only be of "
                "types Map, List, Boolean, Integer, Long, Double, String, Date, "
                "Instant, and Null",
            )


def decode(token: str, keys: KeyRing | None) -> Json:
    """Return the claims, with the signature checked if *keys* are given.

    Raises:
        JwtError: It is no JWT, or none of *keys* signed it.
    """
    try:
        header, payload, signature = token.split(".")
        claims = json.loads(_decoded(payload))
        if keys is not None:
            kid = json.loads(_decoded(header))["kid"]
            (key,) = (key for key in keys.published() if key.kid == kid)
            key.verify(_decoded(signature), f"{header}.{payload}".encode())
    except (ValueError, LookupError, TypeError, InvalidSignature):
        claims = None
    if not isinstance(claims, dict):
        message = "io.supertokens.session.jwt.JWT$JWTException: Invalid JWT"
        raise JwtError(message)
    return claims


def _decoded(part: str) -> bytes:
    return base64.urlsafe_b64decode(part + "==")
