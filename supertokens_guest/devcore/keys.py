"""The signing keys: one static, dynamic ones that take turns, and a file to keep them.

The rules are those of the core's ``SigningKeys``: a dynamic key signs for a week; its
successor is made a minute early and signs only when it is a minute old, so that
whoever caches the key set has it by then.
"""

from __future__ import annotations

import base64
import json
import os
import uuid
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

_LIFETIME_MS = 168 * 3600 * 1000
_OVERLAP_MS = 60 * 1000
_TURN_MS = _LIFETIME_MS - _OVERLAP_MS


class KeyFileError(Exception):
    """The key file cannot be read, holds no keys, or cannot be written."""


def base64url(data: bytes) -> str:
    """Encode without padding, as JOSE does (RFC 7515, section 2)."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


@dataclass(frozen=True)
class SigningKey:
    """An RSA-2048 key with its id: ``s-<uuid>`` or ``d-<ms since the epoch>``."""

    kid: str
    private_key: rsa.RSAPrivateKey = field(
        default_factory=lambda: rsa.generate_private_key(65537, 2048)
    )

    @property
    def created_at_ms(self) -> int:
        """When a dynamic key was made."""
        return int(self.kid.removeprefix("d-"))

    @cached_property
    def jwk(self) -> dict[str, str]:
        """The public half, as the key set shows it (RFC 7517)."""
        numbers = self.private_key.public_key().public_numbers()
        n, e = numbers.n.to_bytes(256, "big"), numbers.e.to_bytes(3, "big")
        jwk = {"kty": "RSA", "kid": self.kid, "n": base64url(n), "e": base64url(e)}
        return {**jwk, "alg": "RS256", "use": "sig"}

    @cached_property
    def pem(self) -> str:
        """The key as the key file has it."""
        return self.private_key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        ).decode()

    def sign(self, message: bytes) -> bytes:
        """Return the RS256 signature of *message* (RFC 7518, section 3.3)."""
        return self.private_key.sign(message, padding.PKCS1v15(), hashes.SHA256())

    def verify(self, signature: bytes, message: bytes) -> None:
        """Check a signature.

        Raises:
            cryptography.exceptions.InvalidSignature: It is not ours.
        """
        self.private_key.public_key().verify(
            signature, message, padding.PKCS1v15(), hashes.SHA256()
        )


class KeyRing:
    """The keys of one core; the newest of each kind comes first.

    Args:
        clock: Seconds since the epoch.
        access_token_validity_seconds: A dynamic key is published for twice this long
            after it stopped signing.
        file: Keeps the keys, if given. It is read when it exists.

    Raises:
        KeyFileError: The file is there and cannot be used, or cannot be written.
    """

    def __init__(
        self,
        *,
        clock: Callable[[], float],
        access_token_validity_seconds: int,
        file: Path | None = None,
    ) -> None:
        """Read the keys from *file*, or make new ones."""
        self._clock = clock
        self._validity_ms = access_token_validity_seconds * 1000
        self._file = file
        self._static: list[SigningKey] = []
        self._dynamic: list[SigningKey] = []
        if file is not None and file.exists():
            self._read(file)
        else:
            self.rotate()

    def rotate(self, *, keep_old: bool = False) -> None:
        """Make new keys; old ones are forgotten, or published without signing.

        No core does this to a static key while it runs. One without a database does
        it whenever it starts.
        """
        static, dynamic = (self._static, self._dynamic) if keep_old else ([], [])
        self._static = [SigningKey(f"s-{uuid.uuid4()}"), *static]
        # A new dynamic key signs at once: it is as if a minute had passed.
        made_at_ms = self._now_ms() - (_OVERLAP_MS if keep_old else 0)
        self._dynamic = [self._new_dynamic(made_at_ms), *dynamic]
        self._save()

    def forget_old(self) -> None:
        """Publish no more than the newest key of each kind."""
        del self._static[1:], self._dynamic[1:]

    def signing_key(self, *, static: bool) -> SigningKey:
        """Return the key to sign with now."""
        if static:
            return self._static[0]
        self._take_turns()
        old_enough = self._now_ms() - _OVERLAP_MS
        for key in self._dynamic:
            if key.created_at_ms <= old_enough:
                return key
        return self._dynamic[-1]

    def published(self) -> list[SigningKey]:
        """Return all keys of the key set: the dynamic ones, then the static."""
        self._take_turns()
        return [*self._dynamic, *self._static]

    def max_age_seconds(self) -> int:
        """Return for how long the key set may be cached: until the next key is due."""
        self._take_turns()
        due = self._dynamic[0].created_at_ms + _TURN_MS
        return max(1, (due - self._now_ms()) // 1000)

    def _take_turns(self) -> None:
        now = self._now_ms()
        if now >= self._dynamic[0].created_at_ms + _TURN_MS:
            kept_ms = _LIFETIME_MS + 2 * self._validity_ms
            kept = [key for key in self._dynamic if key.created_at_ms + kept_ms > now]
            self._dynamic = [self._new_dynamic(now), *kept]
            self._save()

    def _new_dynamic(self, created_at_ms: int) -> SigningKey:
        taken = {key.kid for key in self._dynamic}
        while f"d-{created_at_ms}" in taken:
            created_at_ms += 1
        return SigningKey(f"d-{created_at_ms}")

    def _now_ms(self) -> int:
        return int(self._clock() * 1000)

    def _save(self) -> None:
        if self._file is None:
            return
        kinds = {"static": self._static, "dynamic": self._dynamic}
        text = json.dumps({k: {x.kid: x.pem for x in v} for k, v in kinds.items()})
        fresh = self._file.with_name(self._file.name + ".new")
        try:
            fresh.unlink(missing_ok=True)
            # The mode is given at creation: the keys are never readable by others.
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
            with os.fdopen(os.open(fresh, flags, 0o600), "w") as stream:
                stream.write(text)
            fresh.replace(self._file)
        except OSError as error:
            message = f"cannot write the key file {self._file}: {error.strerror}"
            raise KeyFileError(message) from error

    def _read(self, file: Path) -> None:
        try:
            kinds = json.loads(file.read_text())
            self._static = [_read_key(*item) for item in kinds["static"].items()]
            self._dynamic = [_read_key(*item) for item in kinds["dynamic"].items()]
            # Both kinds must be there to sign with.
            _ = self._static[0], self._dynamic[0].created_at_ms
        except OSError as error:
            message = f"cannot read the key file {file}: {error.strerror}"
            raise KeyFileError(message) from error
        except (AttributeError, LookupError, TypeError, ValueError) as error:
            message = f"the key file {file} does not hold a dev core's keys"
            raise KeyFileError(message) from error


def _read_key(kid: str, pem: str) -> SigningKey:
    private_key = serialization.load_pem_private_key(pem.encode(), None)
    if not isinstance(private_key, rsa.RSAPrivateKey):
        raise TypeError("not an RSA key")
    return SigningKey(kid, private_key)
