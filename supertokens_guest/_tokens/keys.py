"""The cache of the core's key set.

A known key is read without a lock and without I/O. Fetches run in the background
thread, one at a time for each cache; who needs one waits for it as long as it chooses.
"""

from __future__ import annotations

import functools
import os
import random
import threading
import time
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, NamedTuple

from supertokens_guest import background
from supertokens_guest.errors import KeysUnavailableError
from supertokens_guest.events import GuestEvent, logger, shown, tell
from supertokens_guest.fetching import fetch_key_set
from supertokens_guest.key_source import KeySet, KeySource, Lookup
from supertokens_guest.refresh import RefreshPlan, RefreshTiming
from supertokens_guest.static_keys import StaticKeys

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

__all__ = ["KeyCache", "KeySource", "KeyStatus", "StaticKeys"]

# Held for a few lines, never across I/O; one for all caches, because a forked child
# needs a new one: a thread that does not exist there may have held it.
_lock = threading.Lock()


def _renew_lock() -> None:
    global _lock  # noqa: PLW0603 - see above
    _lock = threading.Lock()


if hasattr(os, "register_at_fork"):  # not on Windows
    os.register_at_fork(after_in_child=_renew_lock)


@dataclass(frozen=True, kw_only=True, slots=True)
class KeyStatus:
    """How a key cache stands, for a health check.

    Attributes:
        state: ``"fresh"``; ``"stale"``: older than an hour, still used while the core
            is down; ``"cold"``: no keys that may be used.
        age_seconds: Since the fetch that brought the keys, if there was one.
        key_ids: The ids of the keys, usable or too old.
        last_error: What went wrong with the last fetch, if anything did.
        retry_in_seconds: How long failures still forbid a fetch.
        is_fetching: Whether one is under way.
    """

    state: Literal["fresh", "stale", "cold"]
    age_seconds: float | None
    key_ids: tuple[str, ...]
    last_error: str | None
    retry_in_seconds: float
    is_fetching: bool


class _Held(NamedTuple):
    """A key set and what its age will mean, replaced as one value."""

    key_set: KeySet
    fetched_at: float
    refresh_at: float
    unusable_at: float


@dataclass(frozen=True, slots=True)
class _Flight:
    """A fetch under way. In a forked child it never lands: its thread is not there."""

    started_at: float
    kid: str | None
    landed: Future[bool] = field(default_factory=Future)
    pid: int = field(default_factory=os.getpid)


class KeyCache:
    """The core's static keys, fetched when needed and kept through an outage.

    Costs nothing until it is first asked. Share one per process.
    """

    def __init__(
        self,
        urls: Callable[[], Iterable[str]],
        *,
        observer: Callable[[GuestEvent], None] | None = None,
        clock: Callable[[], float] = time.monotonic,
        timing: RefreshTiming | None = None,
        random: Callable[[], float] = random.random,
    ) -> None:
        """Hold no keys yet.

        Args:
            urls: Returns the addresses of the key set, one for each core; called for
                each fetch, on the background thread.
            observer: Is told ``keys-unavailable`` and ``keys-available`` when that
                changes, on the background thread: it must not block.
            clock: Monotonic seconds. The wall clock would age keys when it is set.
            timing: Other numbers than the constants, for tests.
            random: Floats from 0 to 1, for jitter.
        """
        self._urls = urls
        self._observer = observer
        self._clock = clock
        self._timing = timing or RefreshTiming()
        self._plan = RefreshPlan(self._timing, random)
        self._held: _Held | None = None
        self._flight: _Flight | None = None
        self._last_error: str | None = None
        self._told: Literal["fine", "stale", "cold"] = "fine"

    def current(self) -> KeySet | None:
        """Return the keys that may be used now, or ``None``; never waits.

        Starts a fetch in the background when the keys should be fetched anew.
        """
        held = self._held
        if held is None:
            return None
        now = self._clock()
        if now < held.refresh_at:
            return held.key_set
        if now >= held.unusable_at:
            return None
        self._fetch_anew(now)
        return held.key_set

    def look_up(self, kid: str) -> Lookup:
        """Start, or join, the fetch that may bring the missing key *kid*.

        Raises:
            KeysUnavailableError: No fetch may start so soon after the last one.
        """
        now = self._clock()
        with _lock:
            held = self._usable(now)
            if held is not None and kid in held.key_set.keys:
                # It arrived between two looks at the cache.
                landed: Future[bool] = Future()
                landed.set_result(True)
                return Lookup(landed, is_own=False)
            flight = self._in_flight()
            if flight is not None:
                return Lookup(flight.landed, is_own=False)
            wait = self._plan.unknown_wait_seconds(now, have_keys=held is not None)
            if wait > 0:
                raise KeysUnavailableError(
                    f"The key {shown(kid)} is unknown, and the core may not be asked"
                    f" again for {wait:.1f} s."
                )
            self._plan.asked_for_unknown(now)
            flight = self._flight = _Flight(now, kid)
        self._launch(flight)
        return Lookup(flight.landed, is_own=True)

    async def warm(self, *, wait_seconds: float = 5.0) -> None:
        """Fetch the keys at start-up, if there are none; a failure is only logged."""
        flight = self._fetch_first()
        if flight is not None:
            await background.wait(flight.landed, wait_seconds=wait_seconds)

    def warm_sync(self, *, wait_seconds: float = 5.0) -> None:
        """Fetch the keys at start-up; see ``warm``."""
        flight = self._fetch_first()
        if flight is not None:
            background.wait_sync(flight.landed, wait_seconds=wait_seconds)

    def status(self) -> KeyStatus:
        """Return how the cache stands; without I/O."""
        now = self._clock()
        with _lock:
            held = self._held
            age = None if held is None else now - held.fetched_at
            state: Literal["fresh", "stale", "cold"] = "cold"
            if age is not None and age < self._timing.usable_seconds:
                state = "fresh" if age < self._timing.fresh_seconds else "stale"
            return KeyStatus(
                state=state,
                age_seconds=age,
                key_ids=() if held is None else tuple(held.key_set.keys),
                last_error=self._last_error,
                retry_in_seconds=self._plan.wait_seconds(now),
                is_fetching=self._in_flight() is not None,
            )

    def _usable(self, now: float) -> _Held | None:
        """Return what is held unless it is too old."""
        held = self._held
        return held if held is not None and now < held.unusable_at else None

    def _in_flight(self) -> _Flight | None:
        """Return the fetch under way in this process, if there is one."""
        flight = self._flight
        return flight if flight is not None and flight.pid == os.getpid() else None

    def _fetch_first(self) -> _Flight | None:
        """Return the fetch that brings the first keys, or ``None`` without need."""
        now = self._clock()
        if self._usable(now) is None:
            self._fetch_anew(now)
        return self._in_flight()

    def _fetch_anew(self, now: float) -> None:
        """Start a fetch that nobody waits for, unless failures forbid it."""
        with _lock:
            if self._in_flight() is not None or self._plan.wait_seconds(now) > 0:
                return
            flight = self._flight = _Flight(now, None)
        self._launch(flight)

    def _launch(self, flight: _Flight) -> None:
        try:
            background.submit(functools.partial(self._fetch, flight))
        except BaseException as error:
            self._fail(flight, error)
            # No more threads, or no more files; anything else is an interruption.
            if not isinstance(error, (RuntimeError, OSError)):
                raise

    async def _fetch(self, flight: _Flight) -> None:
        try:
            keys = await fetch_key_set(
                self._urls(),
                host_seconds=self._timing.host_seconds,
                total_seconds=self._timing.total_seconds,
            )
        except BaseException as error:  # urls may raise anything; who waits must know
            self._fail(flight, error)
            if not isinstance(error, Exception):
                raise
        else:
            self._succeed(flight, keys)

    def _succeed(self, flight: _Flight, keys: Mapping[str, RSAPublicKey]) -> None:
        """Replace the keys; what was verified with a key that is gone goes with it."""
        fetched_at = flight.started_at
        with _lock:
            held = self._held
            is_same = held is not None and held.key_set.keys == keys
            self._held = _Held(
                key_set=held.key_set if held is not None and is_same else KeySet(keys),
                fetched_at=fetched_at,
                refresh_at=self._plan.refresh_at(fetched_at),
                unusable_at=fetched_at + self._timing.usable_seconds,
            )
            self._plan.succeeded()
            if flight.kid in keys:
                self._plan.found_unknown(self._clock())
            self._last_error = None
            self._flight = None
            was, self._told = self._told, "fine"
        flight.landed.set_result(True)
        if was != "fine":
            logger.info("The core's keys can be fetched again.")
            tell(self._observer, GuestEvent(code="keys-available"))

    def _fail(self, flight: _Flight, error: BaseException) -> None:
        """Keep the keys that are held, and say once what that means."""
        now = self._clock()
        with _lock:
            self._plan.failed(now)
            self._last_error = f"{type(error).__name__}: {error}"
            self._flight = None
            state: Literal["stale", "cold"] = "stale" if self._usable(now) else "cold"
            was, self._told = self._told, state
        flight.landed.set_result(False)
        if was != state:
            logger.warning(
                "The core's keys cannot be fetched (%s); guests are %s.",
                self._last_error,
                "checked with the last ones" if state == "stale" else "not recognised",
            )
            event = GuestEvent(code="keys-unavailable", reason=state, error=error)
            tell(self._observer, event)
