"""What a verifier asks of the place where its keys come from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping
    from concurrent.futures import Future

    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey


@dataclass(frozen=True, eq=False, slots=True)
class KeySet:
    """One generation of keys. Read-only; equal to itself alone.

    A source returns the same ``KeySet`` for as long as its keys are the same, so what
    was derived from one holds exactly as long as the source still returns it.

    Attributes:
        keys: The public keys by their id.
    """

    keys: Mapping[str, RSAPublicKey]


class Lookup(NamedTuple):
    """A fetch that may bring a missing key.

    Attributes:
        landed: Done when the fetch is; true when it brought a key set. Never cancel it:
            others wait for it too.
        is_own: Whether the fetch was started by this look-up. What it does not bring
            then does not exist; a fetch that began before may just have missed it.
    """

    landed: Future[bool]
    is_own: bool


class KeySource(Protocol):
    """A cache of keys, or fixed ones; safe for threads and event loops."""

    def current(self) -> KeySet | None:
        """Return the keys that may be used now, or ``None``; without I/O."""

    def look_up(self, kid: str) -> Lookup:
        """Start, or join, the fetch that may bring the key *kid*, which is missing.

        Args:
            kid: A key id of the right form.

        Raises:
            BadSignatureError: No fetch can bring it: there are only these keys.
            KeysUnavailableError: No fetch may start now. Nobody waits for a limiter.
        """
