"""What it costs to verify a guest JWT, as multiples of the RSA check alone.

Through the public ``GuestVerifier`` with fixed keys. Each token is a new string, as it
is when it comes from a request: nothing is saved by Python's knowing its hash.
"""

from __future__ import annotations

import base64
import functools
import json
import sys
import time
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from benchmarks._measuring import Limits, ratio
from supertokens_guest import GuestVerifier, TokenError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from supertokens_guest.errors import TokenFault

ISSUER = "https://api.example.com/auth"
PAYLOAD_BYTES = 400
BATCH = 128  # tokens in one round, some 3 ms of RSA checks
ROUNDS = 16
TOKENS = BATCH * ROUNDS  # twice what a verifier remembers: each comes round forgotten
LARGE_BYTES = 1_000_000
FEW = 8  # of these: they need memory


@dataclass(frozen=True, kw_only=True, slots=True)
class Tokens:
    """Tokens as they come over the wire, and how their key is called.

    Attributes:
        kid: The id of the key in *public_key*.
        public_key: What verifies *valid*.
        valid: Guests, all different.
        unknown_key: Guests, each signed with another key that nobody knows.
        bad_algorithm: Tokens whose header asks for another algorithm.
        large: One that is as long as a request may be.
    """

    kid: str
    public_key: rsa.RSAPublicKey
    valid: list[bytes]
    unknown_key: list[bytes]
    bad_algorithm: list[bytes]
    large: list[bytes]


def main() -> int:
    """Measure, print, and return the process's exit status."""
    tokens = make_tokens()
    pem = tokens.public_key.public_bytes(
        Encoding.PEM, PublicFormat.SubjectPublicKeyInfo
    )
    verifier = GuestVerifier(issuer=ISSUER, public_keys={tokens.kid: pem.decode()})
    limits = Limits(
        f"Verifying guest JWTs of {len(tokens.valid[0]):,} characters"
        " / the RSA-2048 check of cryptography alone"
    )
    bare = functools.partial(_check_bare, tokens)
    again = tokens.valid[:1] * BATCH
    accept = functools.partial(_accept, verifier.verify_sync)
    for what, limit, work, pool in (
        ("a new token", 5.0, accept, tokens.valid),
        ("the same token again", 0.1, accept, again),
        ("refusing 1 MB", 1.0, _refuse(verifier, "malformed"), tokens.large),
        (
            "refusing an unknown key id",
            1.0,
            _refuse(verifier, "bad_signature"),
            tokens.unknown_key,
        ),
        (
            "refusing a bad algorithm",
            1.0,
            _refuse(verifier, "malformed"),
            tokens.bad_algorithm,
        ),
    ):
        subject = functools.partial(_time_batch, work, pool)
        limits.hold(what, limit, functools.partial(ratio, subject, bare, rounds=ROUNDS))
    return int(limits.exceeded > 0)


def make_tokens() -> Tokens:
    """Make tokens as the core signs them."""
    key = rsa.generate_private_key(public_exponent=65_537, key_size=2_048)
    kid = f"s-{uuid.uuid4()}"
    valid = [_signed(key, kid, _claims()) for _ in range(TOKENS)]
    # No signature of these is looked at, so that of another token does.
    rest = [token.split(b".", 1)[1] for token in valid]
    algorithms = ("none", "HS256", "RS512", "PS256")
    return Tokens(
        kid=kid,
        public_key=key.public_key(),
        valid=valid,
        unknown_key=[_header(f"s-{uuid.uuid4()}") + b"." + part for part in rest],
        bad_algorithm=[
            _header(f"s-{uuid.uuid4()}", algorithms[i % len(algorithms)]) + b"." + part
            for i, part in enumerate(rest)
        ],
        large=[valid[0].ljust(LARGE_BYTES, b"A")] * FEW,
    )


def _claims() -> dict[str, Any]:
    """Return a guest's claims with a flat payload of ``PAYLOAD_BYTES`` as JSON."""
    now = int(time.time())
    payload = {f"item-{i}": f"{uuid.uuid4()} x {i}" for i in range(6)}
    payload["note"] = ""
    payload["note"] = "n" * (PAYLOAD_BYTES - len(_json(payload)))
    assert len(_json(payload)) == PAYLOAD_BYTES
    registered = {
        "iss": ISSUER,
        "exp": now + 315_360_000,
        "iat": now,
        "sub": f"G-{uuid.uuid4()}",
        "aud": "supertokens-guest",
    }
    return {**registered, **payload}


def _signed(key: rsa.RSAPrivateKey, kid: str, claims: dict[str, Any]) -> bytes:
    """Return a compact JWS (RFC 7515, 7.1)."""
    signed = _header(kid) + b"." + _base64url(_json(claims))
    signature = key.sign(signed, padding.PKCS1v15(), SHA256())
    return signed + b"." + _base64url(signature)


def _header(kid: str, algorithm: str = "RS256") -> bytes:
    """Return a header with the members that the core writes."""
    return _base64url(_json({"kid": kid, "typ": "JWT", "alg": algorithm}))


def _json(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


def _base64url(data: bytes) -> bytes:
    return base64.urlsafe_b64encode(data).rstrip(b"=")


def _decode(segment: bytes) -> bytes:
    return base64.urlsafe_b64decode(segment + b"=" * (-len(segment) % 4))


def _batch(pool: Sequence[bytes], number: int) -> Sequence[bytes]:
    """Return the tokens of a round, going through *pool* over and over."""
    start = number * BATCH % len(pool)
    return pool[start : start + BATCH]


def _time_batch(
    work: Callable[[list[str]], None], pool: Sequence[bytes], number: int
) -> float:
    """Return the seconds of *work* for each token of a round, made new before."""
    fresh = [token.decode() for token in _batch(pool, number)]
    start = time.perf_counter()
    work(fresh)
    return (time.perf_counter() - start) / len(fresh)


def _check_bare(tokens: Tokens, number: int) -> float:
    """Return the seconds that the signature of each token of a round takes alone."""
    parts = [token.rpartition(b".") for token in _batch(tokens.valid, number)]
    signatures = [(_decode(signature), signed) for signed, _, signature in parts]
    verify = tokens.public_key.verify
    scheme, digest = padding.PKCS1v15(), SHA256()
    start = time.perf_counter()
    for signature, signed in signatures:
        verify(signature, signed, scheme, digest)
    return (time.perf_counter() - start) / len(signatures)


def _accept(verify: Callable[[str], object], tokens: Iterable[str]) -> None:
    for token in tokens:
        verify(token)


def _refuse(verifier: GuestVerifier, code: TokenFault) -> Callable[[list[str]], None]:
    """Return work that has each token refused because of *code*."""
    verify = verifier.verify_sync

    def refuse(tokens: list[str]) -> None:
        refused = 0
        for token in tokens:
            try:
                verify(token)
            except TokenError as error:  # noqa: PERF203 - what a caller pays
                refused += error.code == code
        assert refused == len(tokens)

    return refuse


if __name__ == "__main__":
    sys.exit(main())
