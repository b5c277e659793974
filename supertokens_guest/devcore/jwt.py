"""JWTs for anybody, and the key set that verifies them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .call import RefusalError, json_answer
from .tokens import encode_jwt

if TYPE_CHECKING:
    from .call import Answer, Call
    from .state import CoreState


def create(core: CoreState, call: Call) -> dict[str, Any]:
    """``POST /recipe/jwt``: sign a payload, whose claims win over the core's."""
    algorithm = call.text("algorithm")
    domain = call.text("jwksDomain")
    payload = call.mapping("payload")
    validity_seconds = call.whole_number("validity")
    static = call.flag_or_none("useStaticSigningKey")
    if validity_seconds <= 0:
        raise RefusalError(400, "validity must be greater than or equal to 0")
    if algorithm.upper() != "RS256":
        return {"status": "UNSUPPORTED_ALGORITHM_ERROR"}
    now = core.now_ms() // 1000
    claims = {"iat": now, "exp": now + validity_seconds, "iss": domain, **payload}
    key = core.keys.signing_key(static=static is not False)
    return {"status": "OK", "jwt": encode_jwt(key, claims)}


def key_set(core: CoreState, call: Call) -> Answer:  # noqa: ARG001 -- an endpoint
    """``GET /.well-known/jwks.json``: needs no API key."""
    keys = [key.jwk for key in core.keys.published()]
    max_age = f"max-age={core.keys.max_age_seconds()}, must-revalidate"
    return json_answer({"keys": keys}, Cache_Control=max_age)


def older_key_set(core: CoreState, call: Call) -> dict[str, Any]:  # noqa: ARG001 -- as above
    """``GET /recipe/jwt/jwks``: the same for SDKs before CDI 2.19."""
    return {"keys": [key.jwk for key in core.keys.published()], "status": "OK"}
