"""Keys and tokens made by hand: good ones, and every kind of bad one."""

from __future__ import annotations

import base64
import functools
import json
import time
from dataclasses import dataclass
from typing import Any

from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

ISSUER = "https://api.example.com/auth"
NOW = time.time()
"""The instant that tests with a clock of their own take for now."""


def encode(data: bytes) -> str:
    """Return *data* in base64url without padding."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def integer(value: int) -> str:
    """Return *value* as a Base64urlUInt (RFC 7518, 2)."""
    return encode(value.to_bytes((value.bit_length() + 7) // 8 or 1, "big"))


def compact(value: Any) -> bytes:
    """Return *value* as compact JSON; bytes are taken as they are."""
    if isinstance(value, bytes):
        return value
    return json.dumps(value, separators=(",", ":")).encode()


@dataclass(frozen=True)
class SigningKey:
    """A key of a core.

    Attributes:
        kid: Its id.
        private: The key.
    """

    kid: str
    private: rsa.RSAPrivateKey

    @property
    def jwk(self) -> dict[str, Any]:
        """The public key as the core publishes it."""
        numbers = self.private.public_key().public_numbers()
        return {
            "kty": "RSA",
            "kid": self.kid,
            "n": integer(numbers.n),
            "e": integer(numbers.e),
            "alg": "RS256",
            "use": "sig",
        }

    @property
    def pem(self) -> str:
        """The public key as PEM."""
        encoded = self.private.public_key().public_bytes(
            Encoding.PEM, PublicFormat.SubjectPublicKeyInfo
        )
        return encoded.decode()

    @property
    def header(self) -> dict[str, Any]:
        """The header that the core writes."""
        return {"kid": self.kid, "typ": "JWT", "alg": "RS256"}

    def signature(self, signed: bytes) -> bytes:
        """Sign as RS256 does."""
        return self.private.sign(signed, padding.PKCS1v15(), SHA256())

    def sign(self, payload: Any, header: Any = None) -> str:
        """Return a compact JWS of *payload*, whatever the two are."""
        head = compact(self.header if header is None else header)
        signed = f"{encode(head)}.{encode(compact(payload))}"
        return f"{signed}.{encode(self.signature(signed.encode()))}"

    def token(self, header: Any = None, **claims: Any) -> str:
        """Return a guest's token with *claims* changed; ``...`` leaves one out."""
        return self.sign(guest_claims(**claims), header)


def guest_claims(**changes: Any) -> dict[str, Any]:
    """Return the claims of a valid guest with *changes*; ``...`` leaves one out."""
    claims = {
        "iss": ISSUER,
        "iat": int(NOW) - 10,
        "exp": int(NOW) + 3_600,
        "sub": "G-6f3c2f2e-1111-4222-8333-abcdefabcdef",
        "aud": "supertokens-guest",
        "cart": ["sku-1"],
        **changes,
    }
    return {name: value for name, value in claims.items() if value is not ...}


@functools.cache
def private_key(_number: int = 1, /, bits: int = 2_048) -> rsa.RSAPrivateKey:
    """Return the same key for the same number: making one takes a while."""
    return rsa.generate_private_key(public_exponent=65_537, key_size=bits)


def static_key(number: int = 1) -> SigningKey:
    """Return a static key of a core."""
    kid = f"s-{number:08d}-0000-4000-8000-000000000000"
    return SigningKey(kid, private_key(number))
