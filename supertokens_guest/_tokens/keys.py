"""Where public keys come from: a cache of the core's, or fixed ones.

A known key is read without a lock and without I/O. Each fetch has a thread of its own,
bounded in time and size; there is one at a time for each cache, and who needs it waits
as long as it chooses.
"""

import asyncio
import concurrent.futures
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
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import httpx
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from jwt import PyJWK, PyJWKSetError

from supertokens_guest import errors
from supertokens_guest._background import blocks, in_thread
from supertokens_guest.events import GuestEvent, logger, shown, tell

KEY_ID = re.compile(r"s-[A-Za-z0-9-]{1,64}")  # the core's dynamic keys (d-) sign none
MODULUS_BITS = range(2_048, 8_192 + 1)  # RFC 7518, 3.3; above, a check takes long
MAX_KEY_SET_BYTES = 131_072  # a core's takes 1 to 3 kB
MAX_KEYS = 100  # a core publishes one static key and two or three dynamic ones
HOST_SECONDS = 3.0  # for one address, from the look-up of its name to the last byte
FETCH_SECONDS = 5.0  # for all addresses together

Keys = Mapping[str, RSAPublicKey]  # by their ids

GIVE_UP_SECONDS = 6.0  # by then a fetch never ends, as when the app's function hangs
REFRESH_SECONDS = 2_880.0  # the age for a fetch that nobody waits for
FRESH_SECONDS = 3_600.0  # the age up to which a key that is withdrawn may verify
USABLE_SECONDS = 86_400.0  # the age at which keys serve no more, were the core down
COOLDOWN_SECONDS = 30.0  # between fetches for unknown ids: forgeries are no load
RETRY_SECONDS = (1.0, 60.0)  # from a failed fetch to the next: doubled, up to
RETRY_JITTER = (0.8, 1.2)  # who failed together shall not come back together


@dataclass(frozen=True, eq=False, slots=True)
class KeySet:
    """One generation of keys; what was verified with it holds while it is current."""

    keys: Keys


class Lookup(NamedTuple):
    """A fetch that may bring a missing key; others may wait for it too."""

    landed: Future[bool]
    is_own: bool  # what it does not bring does not exist; an earlier one may miss it


class StaticKeys:
    """Keys that are given once and for all; never asks anybody for more."""

    def __init__(self, public_keys: object) -> None:
        """Read PEM texts by key id, or raise a ``ConfigError`` with all faults."""
        if not isinstance(public_keys, Mapping) or not public_keys:
            raise errors.ConfigError(
                "public_keys must map at least one key id to a PEM."
            )
        keys, faults = {}, []
        for kid, pem in public_keys.items():
            with contextlib.suppress(TypeError, ValueError, UnsupportedAlgorithm):
                keys[kid] = fit(kid, load_pem_public_key(str(pem).encode()))
            if kid not in keys:
                form = "an RSA public key of 2,048 to 8,192 bits by a static id (s-…)"
                faults.append(f"public_keys[{shown(kid)}] is not the PEM of {form}.")
        if faults:
            raise errors.ConfigError(*faults)
        self._key_set = KeySet(keys)

    def current(self) -> KeySet:
        return self._key_set

    def prefetch(self) -> None:
        """Leave it at that."""

    def look_up(self, kid: str) -> Lookup:
        raise errors.TokenError("bad_signature", f"There is no key {shown(kid)}.")


@dataclass(frozen=True, slots=True)
class _Flight:
    """A fetch under way. In a forked child it never lands: its thread is not there."""

    kid: str | None
    started_at: float
    landed: Future[bool] = field(default_factory=Future)
    pid: int = field(default_factory=os.getpid)


# One for each process, held for a few lines and never across I/O: a thread that is not
# in a forked child may hold the parent's. uWSGI forks without hooks, hence the pid.
_locks: dict[int, threading.Lock] = {}
if hasattr(os, "register_at_fork"):  # not on Windows
    os.register_at_fork(after_in_child=_locks.clear)


def _lock() -> threading.Lock:
    return _locks.setdefault(os.getpid(), threading.Lock())


class KeyCache:
    """The core's static keys, fetched when needed and kept through an outage."""

    def __init__(
        self,
        urls: Callable[[], Iterable[str]],
        *,
        observer: Callable[[GuestEvent], None] | None = None,
        clock: Callable[[], float] = time.monotonic,  # the wall clock can be set
    ) -> None:
        """Hold no keys yet; *urls* and *observer* are called in a fetch's thread."""
        self._urls = urls
        self._observer = observer
        self._clock = clock
        self._key_set: KeySet | None = None
        self._flight: _Flight | None = None
        self._fetched_at = self._retry_at = self._asked_at = self._found_at = -math.inf
        self._pause_seconds = RETRY_SECONDS[0]
        self._state = "fine"  # as it was told last

    def current(self) -> KeySet | None:
        """Return the keys that may be used now, or ``None``; never waits."""
        now = self._clock()
        key_set = self._usable(now)
        refresh_at = max(self._fetched_at + REFRESH_SECONDS, self._retry_at)
        if key_set is not None and now >= refresh_at:
            self.prefetch()
        return key_set

    def prefetch(self) -> None:
        """Start a fetch that nobody waits for yet, if there may be one."""
        with contextlib.suppress(errors.KeysUnavailableError):
            self.look_up(None)

    def look_up(self, kid: str | None) -> Lookup:
        """Start, or join, the fetch that may bring *kid*, or newer keys; or raise."""
        now, flight = self._clock(), self._flight
        if flight is not None and now - flight.started_at > GIVE_UP_SECONDS:
            self._land(flight, {}, TimeoutError("it did not end"))
        with _lock():
            key_set, flight = self._usable(now), self._flight
            if key_set is not None and kid in key_set.keys:  # came between two looks
                landed: Future[bool] = Future()
                landed.set_result(True)
                return Lookup(landed, is_own=False)
            if flight is not None and flight.pid == os.getpid():
                return Lookup(flight.landed, is_own=False)
            allowed_at = self._retry_at
            if kid is not None and key_set is not None:  # without keys, failures count
                allowed_at = max(allowed_at, self._asked_at + COOLDOWN_SECONDS)
            if now < allowed_at:
                raise errors.KeysUnavailableError(
                    f"There is no key {shown(kid)}, and the core may not be asked for"
                    f" {allowed_at - now:.1f} s."
                )
            self._asked_at = self._asked_at if kid is None else now
            flight = self._flight = _Flight(kid, now)
        try:
            in_thread(self._fetch, flight)
        except errors.CoreUnavailableError as error:
            self._land(flight, {}, error)
        return Lookup(flight.landed, is_own=True)

    def _usable(self, now: float) -> KeySet | None:
        # After a quiet night they may have been withdrawn: they serve if asking fails.
        has_failed = now < self._retry_at + FRESH_SECONDS
        limit = USABLE_SECONDS if has_failed else FRESH_SECONDS
        return self._key_set if now - self._fetched_at < limit else None

    def _fetch(self, flight: _Flight) -> None:
        try:
            self._land(flight, fetch_keys(self._urls()))
        except BaseException as error:  # noqa: BLE001 - of urls; who waits must know
            self._land(flight, {}, error)

    def _land(
        self, flight: _Flight, keys: Keys, error: BaseException | None = None
    ) -> None:
        """End *flight* with keys or an error, and say once what that means."""
        with _lock():
            if self._flight is not flight or flight.pid != os.getpid():
                return  # it was given up
            now, self._flight = self._clock(), None
            if error is None:
                # What was verified with a key that is gone goes with its set.
                if self._key_set is None or self._key_set.keys != keys:
                    self._key_set = KeySet(keys)
                self._fetched_at, self._retry_at = flight.started_at, -math.inf
                self._pause_seconds, state = RETRY_SECONDS[0], "fine"
                # An id that was found was not forged, so that a core with new keys is
                # asked again; once in a cooldown, as cores behind one address differ.
                if flight.kid in keys and now - self._found_at >= COOLDOWN_SECONDS:
                    self._asked_at, self._found_at = -math.inf, now
            else:
                pause = self._pause_seconds * random.uniform(*RETRY_JITTER)  # noqa: S311
                self._retry_at = now + pause
                self._pause_seconds = min(self._pause_seconds * 2, RETRY_SECONDS[1])
                state = "cold" if self._usable(now) is None else "stale"
            was, self._state = self._state, state
        flight.landed.set_result(error is None)
        if was == state:
            return
        if error is None:
            logger.info("The core's keys can be fetched again.")
            tell(self._observer, GuestEvent(code="keys-available"))
        else:
            logger.warning("The core's keys are %s: %r", state, error)
            event = GuestEvent(code="keys-unavailable", reason=state, error=error)
            tell(self._observer, event)


async def wait(future: Future[Any], *, wait_seconds: float) -> None:
    """Return when *future* is done, or after *wait_seconds*; never touch *future*."""
    if blocks():
        concurrent.futures.wait((future,), timeout=wait_seconds)
        return
    loop = asyncio.get_running_loop()
    arrived: asyncio.Future[None] = loop.create_future()

    def tell_loop(_: Future[Any]) -> None:
        with contextlib.suppress(RuntimeError):  # the loop has ended: nobody waits
            loop.call_soon_threadsafe(arrived.set_result, None)

    future.add_done_callback(tell_loop)
    # Not wait_for, which before Python 3.12 can swallow a cancellation.
    await asyncio.wait((arrived,), timeout=wait_seconds)


def fetch_keys(urls: Iterable[str]) -> Keys:
    """Return the usable keys of the first of *urls* that has any in time."""
    ends_at = time.monotonic() + FETCH_SECONDS
    faults = []
    for url in urls:
        seconds = min(HOST_SECONDS, ends_at - time.monotonic())
        if seconds <= 0:
            break
        host = None
        try:
            host = urlsplit(url).hostname  # without a name and password
            # In a thread that can be left behind: the timeout of httpx is one for each
            # step, which a byte now and then outwits, and there is none for names.
            return parse_key_set(in_thread(_body, url, seconds).result(seconds))
        except Exception as error:  # noqa: BLE001 - whatever one does, the next is asked
            said = error if isinstance(error, PyJWKSetError) else type(error).__name__
            faults.append(f"{host}: {said}")
    raise PyJWKSetError("; ".join(faults) or "there is no address to ask")


def _body(url: str, seconds: float) -> bytes:
    ends_at = time.monotonic() + seconds
    # An encoded body is refused: a small one can hold a very large one.
    headers = {"Accept": "application/json", "Accept-Encoding": "identity"}
    with (
        httpx.Client(follow_redirects=False, timeout=seconds) as client,
        client.stream("GET", url, headers=headers) as response,
    ):
        if response.status_code != httpx.codes.OK:
            raise PyJWKSetError(f"answered {response.status_code}")
        if response.headers.get("content-encoding", "identity") != "identity":
            raise PyJWKSetError("sent an encoded body")
        body = b""
        for chunk in response.iter_raw():
            body += chunk
            if len(body) > MAX_KEY_SET_BYTES or time.monotonic() > ends_at:
                raise PyJWKSetError(f"sent more than {MAX_KEY_SET_BYTES} bytes")
        return body


def parse_key_set(body: bytes) -> Keys:
    """Return the usable keys of a JSON Web Key Set (RFC 7517), or raise without any."""
    members = json.loads(body.decode())["keys"]
    if not isinstance(members, list) or len(members) > MAX_KEYS:
        raise PyJWKSetError(f"has not a list of at most {MAX_KEYS} keys")
    keys = {}
    for member in members:
        with contextlib.suppress(Exception):  # a bad one spoils none of the others
            key = PyJWK(member)
            if key.algorithm_name == "RS256" and key.public_key_use in {None, "sig"}:
                keys[str(key.key_id)] = fit(key.key_id, key.key)
    if not keys:
        raise PyJWKSetError("has no usable static key")
    return keys


def fit(kid: Any, key: object) -> RSAPublicKey:
    """Return *key* if it is public, neither weak nor slow, and *kid* a static key's."""
    if not isinstance(key, RSAPublicKey) or key.key_size not in MODULUS_BITS:
        raise ValueError("not an RSA public key of that size")
    if KEY_ID.fullmatch(kid) is None:  # a TypeError if it is no text
        raise ValueError("not a static key's id")
    return key
