"""The core's public keys: which of them verify guests, and the cache that fetches them.

A known key is read without a lock and without I/O. Each fetch has a thread of its own,
and there is one at a time for each cache; who needs it waits as long as it chooses.
Nothing here needs an event loop, so greenlets in the place of threads serve as well.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import math
import os
import random
import re
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol, TypeVar
from urllib.parse import urlsplit

import httpx
import jwt
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from supertokens_guest.errors import ConfigError, KeysUnavailableError, TokenError
from supertokens_guest.events import GuestEvent, logger, shown, tell

T = TypeVar("T")

KEY_ID = re.compile(r"s-[A-Za-z0-9-]{1,64}")
"""The form of a static key's id: the core's dynamic keys (``d-``) sign no guest."""

MODULUS_BITS = range(2_048, 8_192 + 1)  # RFC 7518, 3.3; above, a check takes long
MAX_KEY_SET_BYTES = 131_072  # a core's takes 1 to 3 kB
MAX_KEYS = 100  # a core publishes one static key and two or three dynamic ones
HOST_SECONDS = 3.0  # for one address, from the look-up of its name to the last byte
FETCH_SECONDS = 5.0  # for all addresses together
GIVE_UP_SECONDS = 6.0  # then a fetch did not end, as when the app's function hangs
REFRESH_SECONDS = 2_880.0  # the age for a fetch that nobody waits for
FRESH_SECONDS = 3_600.0  # the age up to which a key that is withdrawn may verify
USABLE_SECONDS = 86_400.0  # the age at which keys serve no more, were the core down
COOLDOWN_SECONDS = 30.0  # between fetches for unknown ids: forgeries are no load
RETRY_SECONDS = (1.0, 60.0)  # after a failed fetch: at first; doubled to at most
RETRY_JITTER = (0.8, 1.2)  # who failed together shall not come back together


class KeySetError(Exception):
    """There is no usable key in what was read; the message says why."""


@dataclass(frozen=True, eq=False, slots=True)
class KeySet:
    """One generation of keys by their id. Read-only; equal to itself alone.

    A source returns the same ``KeySet`` for as long as its keys are the same, so what
    was verified with one holds exactly as long as the source still returns it.
    """

    keys: Mapping[str, RSAPublicKey]


class Lookup(NamedTuple):
    """A fetch that may bring a missing key.

    Attributes:
        landed: Done when the fetch is; true when it brought keys. Never cancel it:
            others wait for it too.
        is_own: Whether this look-up started the fetch. What it does not bring then does
            not exist; a fetch that began before may just have missed it.
    """

    landed: Future[bool]
    is_own: bool


class KeySource(Protocol):
    """A cache of keys, or fixed ones; safe for threads and event loops."""

    def current(self) -> KeySet | None:
        """Return the keys that may be used now, or ``None``; never waits."""

    def look_up(self, kid: str) -> Lookup:
        """Start, or join, the fetch that may bring the missing key *kid*.

        Raises:
            TokenError: ``bad_signature``: there are only the keys at hand.
            KeysUnavailableError: No fetch may start now. Nobody waits for a limiter.
        """


class StaticKeys:
    """Keys that are given once and for all; never asks anybody for more."""

    def __init__(self, public_keys: Mapping[str, str]) -> None:
        """Read PEM texts by key id.

        Raises:
            ConfigError: There is none, or one is not fit; names all faults.
        """
        given: Any = public_keys
        if not isinstance(given, Mapping) or not given:
            raise ConfigError("public_keys must map at least one key id to a PEM.")
        keys, faults = {}, []
        for kid, pem in given.items():
            try:
                keys[kid] = _fit(kid, load_pem_public_key(str(pem).encode()))
            except (TypeError, ValueError, UnsupportedAlgorithm):  # noqa: PERF203 - at start
                faults.append(
                    f"public_keys[{shown(kid)}] must be the PEM of an RSA public key of"
                    " 2,048 to 8,192 bits, by the id of a static key (s-…)."
                )
        if faults:
            raise ConfigError(*faults)
        self._key_set = KeySet(keys)

    def current(self) -> KeySet:
        """Return the keys."""
        return self._key_set

    def look_up(self, kid: str) -> Lookup:
        """Say that there is no such key."""
        raise TokenError("bad_signature", f"There is no key {shown(kid)}.")


@dataclass(frozen=True, slots=True)
class _Flight:
    """A fetch under way. In a forked child it never lands: its thread is not there."""

    kid: str | None
    started_at: float
    landed: Future[bool] = field(default_factory=Future)
    pid: int = field(default_factory=os.getpid)


# One for each process, held for a few lines and never across I/O: a thread that does
# not exist in a forked child may hold the parent's. uWSGI forks without the hook.
_locks: dict[int, threading.Lock] = {}
if hasattr(os, "register_at_fork"):  # not on Windows
    os.register_at_fork(after_in_child=_locks.clear)


def _lock() -> threading.Lock:
    return _locks.setdefault(os.getpid(), threading.Lock())


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
    ) -> None:
        """Hold no keys yet.

        Args:
            urls: Returns the addresses of the key set, one for each core; called for
                each fetch, in the fetch's thread.
            observer: Is told ``keys-unavailable`` and ``keys-available`` when that
                changes, mostly in the fetch's thread: it must not block.
            clock: Monotonic seconds. The wall clock would age keys when it is set.
        """
        self._urls = urls
        self._observer = observer
        self._clock = clock
        self._key_set: KeySet | None = None
        self._flight: _Flight | None = None
        self._fetched_at = self._retry_at = self._asked_at = self._found_at = -math.inf
        self._failures = 0
        self._state = "fine"  # as it was told last

    def current(self) -> KeySet | None:
        """Return the keys that may be used now, or ``None``; never waits."""
        now = self._clock()
        key_set = self._usable(now)
        if key_set is not None and now - self._fetched_at >= REFRESH_SECONDS:
            with contextlib.suppress(KeysUnavailableError):
                self._fly(None, now)
        return key_set

    def look_up(self, kid: str) -> Lookup:
        """Start, or join, the fetch that may bring the missing key *kid*."""
        return self._fly(kid, self._clock())

    def _usable(self, now: float) -> KeySet | None:
        """Return the keys, unless they are too old.

        After a quiet night they may have been withdrawn: only that a fetch has just
        failed lets them serve all the same.
        """
        age = now - self._fetched_at
        has_failed = now < self._retry_at + FRESH_SECONDS
        limit = USABLE_SECONDS if has_failed else FRESH_SECONDS
        return self._key_set if age < limit else None

    def _fly(self, kid: str | None, now: float) -> Lookup:
        """Start, or join, a fetch: for *kid*, or because the keys grow old."""
        flight = self._flight
        if flight is not None and now - flight.started_at > GIVE_UP_SECONDS:
            self._land(flight, TimeoutError("it did not end"))
        with _lock():
            key_set, flight = self._usable(now), self._flight
            if key_set is not None and kid in key_set.keys:
                landed: Future[bool] = Future()  # it came between two looks
                landed.set_result(True)
                return Lookup(landed, is_own=False)
            if flight is not None and flight.pid == os.getpid():
                return Lookup(flight.landed, is_own=False)
            allowed_at = self._retry_at
            if kid is not None:
                # Without keys no token can be told from a forged one: failures count.
                if key_set is not None:
                    allowed_at = max(allowed_at, self._asked_at + COOLDOWN_SECONDS)
                self._asked_at = now if now >= allowed_at else self._asked_at
            if now < allowed_at:
                raise KeysUnavailableError(
                    f"The key {shown(kid)} is unknown, and the core may not be asked"
                    f" again for {allowed_at - now:.1f} s."
                )
            flight = self._flight = _Flight(kid, now)
        try:
            _run(self._fetch, flight)
        except (RuntimeError, OSError) as error:  # the system gives no more threads
            self._land(flight, error)
        return Lookup(flight.landed, is_own=True)

    def _fetch(self, flight: _Flight) -> None:
        try:
            self._land(flight, fetch_keys(self._urls()))
        except BaseException as error:  # noqa: BLE001 - of urls; who waits must know
            self._land(flight, error)

    def _land(
        self, flight: _Flight, found: Mapping[str, RSAPublicKey] | BaseException
    ) -> None:
        """End *flight* with keys or an error, and say once what that means."""
        with _lock():
            if self._flight is not flight or flight.pid != os.getpid():
                return  # it was given up
            now, self._flight = self._clock(), None
            if isinstance(found, BaseException):
                first, most = RETRY_SECONDS
                pause = min(first * 2.0 ** min(self._failures, 30), most)
                self._retry_at = now + pause * random.uniform(*RETRY_JITTER)  # noqa: S311
                self._failures += 1
                state = "cold" if self._usable(now) is None else "stale"
            else:
                # What was verified with a key that is gone goes with its set.
                if self._key_set is None or self._key_set.keys != found:
                    self._key_set = KeySet(found)
                self._fetched_at = flight.started_at
                self._failures, self._retry_at, state = 0, -math.inf, "fine"
                # An id that was found was not forged, so that a core with new keys is
                # asked again; once in a cooldown, as cores behind one address differ.
                if flight.kid in found and now - self._found_at >= COOLDOWN_SECONDS:
                    self._asked_at, self._found_at = -math.inf, now
            was, self._state = self._state, state
        flight.landed.set_result(state == "fine")
        if was == state:
            return
        if isinstance(found, BaseException):
            use = "checked with the last ones" if state == "stale" else "not recognised"
            logger.warning("No keys of the core (%r): guests are %s.", found, use)
            event = GuestEvent(code="keys-unavailable", reason=state, error=found)
        else:
            logger.info("The core's keys can be fetched again.")
            event = GuestEvent(code="keys-available")
        tell(self._observer, event)


async def wait(future: Future[Any], *, wait_seconds: float) -> None:
    """Return when *future* is done, or after *wait_seconds*.

    Neither the time running out nor the caller's being cancelled touches *future*,
    which others may be waiting for; works on any event loop.
    """
    loop = asyncio.get_running_loop()
    arrived: asyncio.Future[None] = loop.create_future()

    def tell_loop(_: Future[Any]) -> None:
        with contextlib.suppress(RuntimeError):  # the loop has ended: nobody waits
            loop.call_soon_threadsafe(arrived.set_result, None)

    future.add_done_callback(tell_loop)
    # Not wait_for, which before Python 3.12 can swallow a cancellation.
    await asyncio.wait((arrived,), timeout=wait_seconds)


def _run(work: Callable[..., T], *args: Any) -> Future[T]:
    """Run *work* in a daemon thread, which keeps no process from ending."""
    future: Future[T] = Future()

    def run() -> None:
        try:
            future.set_result(work(*args))
        except BaseException as error:  # noqa: BLE001 - it is the result then
            future.set_exception(error)

    threading.Thread(target=run, name="supertokens-guest-keys", daemon=True).start()
    return future


def fetch_keys(urls: Iterable[str]) -> Mapping[str, RSAPublicKey]:
    """Return the usable keys of the first of *urls* that has any.

    Raises:
        KeySetError: None of them had usable keys in time; says why for each.
    """
    ends_at = time.monotonic() + FETCH_SECONDS
    faults = []
    for url in urls:
        seconds = min(HOST_SECONDS, ends_at - time.monotonic())
        host = None
        if seconds <= 0:
            break
        try:
            host = urlsplit(url).hostname  # without a name and password
            # In a thread that can be left behind: the timeout of httpx is one for each
            # step, which a byte now and then outwits, and there is none for names.
            return parse_key_set(_run(_body, url, seconds).result(seconds))
        except Exception as error:  # noqa: BLE001 - whatever one does, the next is asked
            said = error if isinstance(error, KeySetError) else type(error).__name__
            faults.append(f"{host}: {said}")
    raise KeySetError("; ".join(faults) or "there is no address to ask")


def _body(url: str, seconds: float) -> bytes:
    """Return the body of a plain answer 200 from *url*."""
    ends_at = time.monotonic() + seconds
    # An encoded body is refused: a small one can hold a very large one.
    headers = {"Accept": "application/json", "Accept-Encoding": "identity"}
    with (
        httpx.Client(follow_redirects=False, timeout=seconds) as client,
        client.stream("GET", url, headers=headers) as response,
    ):
        if response.status_code != httpx.codes.OK:
            raise KeySetError(f"answered {response.status_code}")
        if response.headers.get("content-encoding", "identity") != "identity":
            raise KeySetError("sent an encoded body")
        body = b""
        for chunk in response.iter_raw():
            body += chunk
            if len(body) > MAX_KEY_SET_BYTES or time.monotonic() > ends_at:
                raise KeySetError(
                    f"sent more than {MAX_KEY_SET_BYTES} bytes, or slowly"
                )
        return body


def parse_key_set(body: bytes) -> Mapping[str, RSAPublicKey]:
    """Return the usable keys of a JSON Web Key Set (RFC 7517) by their id.

    A member that cannot be used is passed over; it spoils none of the others.

    Raises:
        KeySetError: It has no usable key, or more than ``MAX_KEYS``.
        Exception: What is raised for something that is no key set.
    """
    members = json.loads(body.decode())["keys"]
    if not isinstance(members, list) or len(members) > MAX_KEYS:
        raise KeySetError(f"has not a list of at most {MAX_KEYS} keys")
    keys = {}
    for member in members:
        # PyJWT says in many ways that something is no key.
        with contextlib.suppress(Exception):
            key = jwt.PyJWK(member)
            if key.algorithm_name == "RS256" and key.public_key_use in {None, "sig"}:
                keys[str(key.key_id)] = _fit(key.key_id, key.key)
    if not keys:
        raise KeySetError("has no usable static key")
    return keys


def _fit(kid: Any, key: object) -> RSAPublicKey:
    """Return *key* if it is public, neither weak nor slow, and *kid* a static key's."""
    if KEY_ID.fullmatch(kid) is None:
        raise ValueError("not a static key's id")
    if not isinstance(key, RSAPublicKey) or key.key_size not in MODULUS_BITS:
        raise ValueError("not a key that verifies guests")
    return key
