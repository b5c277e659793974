"""What every endpoint works on: the keys, the rows, the clock and the settings."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from .storage import Storage

if TYPE_CHECKING:
    from collections.abc import Callable

    from .keys import KeyRing


@dataclass
class CoreState:
    """One core.

    Attributes:
        clock: Seconds since the epoch.
        api_key: What callers must send, if anything.
        refresh_secret: Seals the refresh tokens; new in each process, as the sessions
            are.
    """

    keys: KeyRing
    clock: Callable[[], float]
    access_token_validity_seconds: int
    refresh_token_validity_seconds: int
    api_key: str | None = None
    storage: Storage = field(default_factory=Storage)
    refresh_secret: bytes = field(default_factory=lambda: secrets.token_bytes(32))

    def now_ms(self) -> int:
        """Return milliseconds since the epoch, as all times of the core's rows are."""
        return int(self.clock() * 1000)
