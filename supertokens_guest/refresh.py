"""When the key set may be fetched: refresh ahead, back-off, cooldown.

Plain decisions on numbers; instants are those of a monotonic clock, in seconds. Knows
neither keys nor threads.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(frozen=True, kw_only=True, slots=True)
class RefreshTiming:
    """The numbers of the key cache: constants, which tests shorten.

    Attributes:
        fresh_seconds: The age at which a key set is stale: it still serves.
        refresh_seconds: The age at which it is fetched anew in the background, early
            enough that it is not stale while the core is up.
        refresh_jitter: By which part that age varies, so that processes started
            together do not ask together.
        usable_seconds: The age at which it serves no more, were the core still down.
        cooldown_seconds: How long after a fetch for an unknown key id no other unknown
            id causes one: forged tokens must not become a load on the core.
        first_retry_seconds: How long no fetch starts after a failed one; doubles with
            each failure.
        last_retry_seconds: What that grows to.
        retry_jitter: By which part it varies.
        host_seconds: The longest one address may take.
        total_seconds: The longest one fetch may take.
    """

    fresh_seconds: float = 3_600.0
    refresh_seconds: float = 2_880.0
    refresh_jitter: float = 0.1
    usable_seconds: float = 86_400.0
    cooldown_seconds: float = 30.0
    first_retry_seconds: float = 1.0
    last_retry_seconds: float = 60.0
    retry_jitter: float = 0.2
    host_seconds: float = 3.0
    total_seconds: float = 5.0


class RefreshPlan:
    """Remembers how fetches went, to tell when the next may start.

    Not safe for threads by itself; the key cache holds its lock around it.
    """

    def __init__(self, timing: RefreshTiming, random: Callable[[], float]) -> None:
        """Allow a first fetch at once.

        Args:
            timing: The numbers.
            random: Returns floats from 0 to 1, for the jitter.
        """
        self._timing = timing
        self._random = random
        self._failures = 0
        self._retry_at = -math.inf
        self._asked_at = -math.inf
        self._found_at = -math.inf

    def wait_seconds(self, now: float) -> float:
        """Return how long failures still forbid any fetch; 0 when they do not."""
        return max(0.0, self._retry_at - now)

    def unknown_wait_seconds(self, now: float, *, have_keys: bool) -> float:
        """Return how long a key id that is not in the set may cause no fetch.

        Args:
            now: The instant.
            have_keys: Whether there is a set that serves. Without one no token can be
                told from a forged one, and only failures forbid a fetch.
        """
        wait = self.wait_seconds(now)
        if have_keys:
            wait = max(wait, self._asked_at + self._timing.cooldown_seconds - now)
        return wait

    def asked_for_unknown(self, now: float) -> None:
        """Note that a fetch starts because of an unknown key id."""
        self._asked_at = now

    def found_unknown(self, now: float) -> None:
        """Note that this fetch found the key, so that it was no forged id.

        A core that gets new keys twice in a row, as in development, is asked twice; but
        no more in one cooldown: cores with different keys behind one address would be
        asked for each token that names the other's.
        """
        if now - self._found_at >= self._timing.cooldown_seconds:
            self._asked_at = -math.inf
            self._found_at = now

    def succeeded(self) -> None:
        """Note that a fetch brought usable keys."""
        self._failures = 0
        self._retry_at = -math.inf

    def failed(self, now: float) -> None:
        """Note that a fetch brought none."""
        timing = self._timing
        doublings = min(self._failures, 30)  # far beyond the last step; 2**n is a float
        wait = min(
            timing.first_retry_seconds * 2.0**doublings, timing.last_retry_seconds
        )
        self._failures += 1
        self._retry_at = now + self._jittered(wait, timing.retry_jitter)

    def refresh_at(self, fetched_at: float) -> float:
        """Return when a set that was fetched at *fetched_at* is to be fetched anew."""
        timing = self._timing
        return fetched_at + self._jittered(
            timing.refresh_seconds, timing.refresh_jitter
        )

    def _jittered(self, seconds: float, part: float) -> float:
        """Return *seconds*, more or less *part* of it."""
        return seconds * (1.0 + part * (2.0 * self._random() - 1.0))
