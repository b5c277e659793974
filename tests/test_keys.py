"""Where keys come from: the cache, K1 to K21 against a server that misbehaves; PEM."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import subprocess
import sys
import threading
import time
import warnings
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import wait as wait_sync
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from supertokens_guest._tokens import keys
from supertokens_guest._tokens.keys import KeyCache, KeySet, Lookup, StaticKeys, wait
from supertokens_guest.errors import ConfigError, KeysUnavailableError, TokenError
from supertokens_guest.events import GuestEvent
from testkit.forging import SigningKey, private_key, static_key
from testkit.keyserver import LONG_SECONDS, Clock, KeyServer, Mode

KEY = static_key(1)
NEW_KEY = static_key(2)
UNKNOWN = "s-unknown"
PAUSES_VARY_BY = keys.RETRY_JITTER  # before it is taken out
HOUR, DAY = 3_600.0, 86_400.0


class Caches:
    """Makes caches of one server's keys, with one clock; tells what they told."""

    def __init__(self, server: KeyServer) -> None:
        """Make none yet."""
        self.server = server
        self.clock = Clock()
        self.events: list[GuestEvent] = []

    def new(self, **options: Any) -> KeyCache:
        """Return a cold cache."""
        urls = options.pop("urls", lambda: [self.server.url])
        options = {"observer": self.events.append, "clock": self.clock, **options}
        return KeyCache(urls, **options)

    def warm(self, **options: Any) -> KeyCache:
        """Return a cache that holds the server's keys."""
        cache = self.new(**options)
        assert landed(cache.look_up(KEY.kid))
        return cache


@pytest.fixture(autouse=True)
def _no_jitter(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let pauses be as long as they say."""
    monkeypatch.setattr(keys, "RETRY_JITTER", (1.0, 1.0))


@pytest.fixture
def server(key_server: KeyServer) -> KeyServer:
    """Return the server of a core's key set."""
    return key_server


@pytest.fixture
def caches(server: KeyServer) -> Caches:
    """Return the maker of caches."""
    return Caches(server)


def landed(lookup: Lookup) -> bool:
    """Wait for a fetch; return whether it brought keys."""
    return lookup.landed.result(LONG_SECONDS)


def settle(cache: KeyCache) -> None:
    """Wait for the fetch that is under way, if there is one."""
    flight = cache._flight
    if flight is not None:
        flight.landed.result(LONG_SECONDS)


def ids(key_set: KeySet | None) -> list[str]:
    """Return the ids of the keys in use."""
    return [] if key_set is None else list(key_set.keys)


def failing(server: KeyServer, caches: Caches) -> KeyCache:
    """Return a cold cache whose first fetch has failed."""
    server.fail()
    cache = caches.new()
    assert not landed(cache.look_up(KEY.kid))
    return cache


def test_k1_known_keys_are_read_while_a_fetch_hangs(
    server: KeyServer, caches: Caches
) -> None:
    """A reader neither waits nor asks while somebody's unknown id hangs."""
    cache = caches.warm()
    server.mode = "hang"
    hanging = cache.look_up(UNKNOWN)
    server.wait_for_hits(2)

    assert [KEY.kid] == ids(cache.current())
    assert not hanging.landed.done()
    assert 2 == server.hits


def test_k2_keys_are_fetched_anew_in_the_background(
    server: KeyServer, caches: Caches
) -> None:
    """At 80 % of an hour one fetch starts, and nobody waits for it."""
    fetches: list[str] = []

    def urls() -> list[str]:
        fetches.append(server.url)
        return [server.url]

    cache = caches.warm(urls=urls)
    caches.clock.now += 2_879
    cache.current()
    settle(cache)
    before = len(fetches)
    server.mode = "hang"
    caches.clock.now += 2
    for _ in range(100):
        assert [KEY.kid] == ids(cache.current())
    server.wait_for_hits(2)
    server.release()
    settle(cache)
    server.settle()  # a second fetch would have begun by now

    assert (1, 2) == (before, len(fetches))


def test_k3_keys_serve_a_day_without_the_core(
    server: KeyServer, caches: Caches
) -> None:
    """For 24 hours since the last fetch that worked, and not a second more."""
    cache = caches.warm()
    server.fail()
    caches.clock.now += 23 * HOUR
    landed(cache.look_up(KEY.kid))
    after_23_hours = ids(cache.current())
    settle(cache)
    caches.clock.now += HOUR + 1

    assert [KEY.kid] == after_23_hours
    assert cache.current() is None
    assert not landed(cache.look_up(KEY.kid))


def test_k3_a_fetch_that_fails_keeps_the_keys(
    server: KeyServer, caches: Caches
) -> None:
    """The same set is still there after it."""
    cache = caches.warm()
    before = cache.current()
    server.fail()

    landed(cache.look_up(UNKNOWN))

    assert before is cache.current()


def test_k4_unknown_ids_cause_one_fetch_a_cooldown(
    server: KeyServer, caches: Caches
) -> None:
    """A thousand invented ids are one fetch in 30 seconds; then there may be one."""
    cache = caches.warm()
    answered = landed(cache.look_up("s-0"))
    for number in range(1, 1_000):
        with pytest.raises(KeysUnavailableError):
            cache.look_up(f"s-{number}")
    in_the_window = server.hits
    caches.clock.now += 30
    landed(cache.look_up("s-1000"))

    assert answered
    assert (2, 3) == (in_the_window, server.hits)


def test_k4_an_outage_does_not_shorten_the_cooldown(
    server: KeyServer, caches: Caches
) -> None:
    """With keys at hand, unknown ids ask a failing core no more often."""
    cache = caches.warm()
    server.fail()
    landed(cache.look_up("s-0"))
    caches.clock.now += 29

    with pytest.raises(KeysUnavailableError):
        cache.look_up("s-1")


def test_k4_a_new_key_is_found_at_once(server: KeyServer, caches: Caches) -> None:
    """A core with new keys, and once more, is asked when the first token comes.

    But not a third time in one cooldown: cores with different keys behind one address
    would be asked for each token that names the other's.
    """
    cache = caches.warm()
    caches.clock.now += 30
    found = []
    for key in (NEW_KEY, KEY):
        server.keys = [key.jwk]
        landed(cache.look_up(key.kid))
        found += ids(cache.current())
    with pytest.raises(KeysUnavailableError, match=r"for 30\.0 s"):
        cache.look_up(NEW_KEY.kid)

    assert [NEW_KEY.kid, KEY.kid] == found


def test_k6_failures_back_off(server: KeyServer, caches: Caches) -> None:
    """Fifty look-ups in a second against a broken core are one request."""
    cache = failing(server, caches)
    for number in range(49):
        with pytest.raises(KeysUnavailableError):
            cache.look_up(f"s-{number}")
        caches.clock.now += 0.015
    in_the_first_second = server.hits
    caches.clock.now += 0.5
    landed(cache.look_up(KEY.kid))

    assert (1, 2) == (in_the_first_second, server.hits)


@pytest.mark.parametrize(("jitter", "last"), [(0.8, 48.0), (1.0, 60.0), (1.2, 72.0)])
def test_k6_pauses_double_up_to_a_minute(
    caches: Caches, monkeypatch: pytest.MonkeyPatch, jitter: float, last: float
) -> None:
    """1, 2, 4 seconds and so on, a fifth more or less; a success ends it."""
    monkeypatch.setattr(keys, "RETRY_JITTER", (jitter, jitter))
    urls: list[str] = []
    cache = caches.new(urls=lambda: urls)
    pauses = []
    for _ in range(9):
        assert not landed(cache.look_up(KEY.kid))
        pauses.append(cache._retry_at - caches.clock.now)
        caches.clock.now = cache._retry_at
    urls.append(caches.server.url)
    assert landed(cache.look_up(KEY.kid))
    caches.server.fail()
    caches.clock.now += 30
    assert not landed(cache.look_up(UNKNOWN))

    steps = [1, 2, 4, 8, 16, 32]
    assert pytest.approx([jitter * step for step in steps] + [last] * 3) == pauses
    assert pytest.approx(jitter) == cache._retry_at - caches.clock.now


def test_k6_who_failed_together_does_not_come_back_together() -> None:
    """Pauses vary by a fifth."""
    assert (0.8, 1.2) == PAUSES_VARY_BY


def test_k6_an_hour_of_outage_is_few_requests(
    server: KeyServer, caches: Caches
) -> None:
    """Whoever asks, an hour without the core is at most 80 requests."""
    cache = failing(server, caches)
    for _ in range(3_600):
        caches.clock.now += 1
        try:
            landed(cache.look_up(KEY.kid))
        except KeysUnavailableError:
            continue

    assert 10 < server.hits <= 80


def test_k6_the_core_coming_back_ends_it(server: KeyServer, caches: Caches) -> None:
    """After the back-off the keys are there, and nothing is forbidden."""
    cache = failing(server, caches)
    caches.clock.now += 1
    server.mode = "ok"
    came_back = landed(cache.look_up(KEY.kid))
    known = ids(cache.current())

    assert came_back
    assert [KEY.kid] == known
    assert landed(cache.look_up(UNKNOWN))


def test_k7_all_who_wait_share_one_fetch(server: KeyServer, caches: Caches) -> None:
    """100 threads and 100 tasks on a cold cache are one request; all have the key."""
    cache = caches.new()
    barrier = threading.Barrier(101)
    server.mode = "hang"

    def from_a_thread() -> bool:
        barrier.wait(LONG_SECONDS)
        lookup = cache.look_up(KEY.kid)
        wait_sync((lookup.landed,), timeout=LONG_SECONDS)
        return KEY.kid in ids(cache.current())

    async def from_a_task() -> bool:
        lookup = cache.look_up(KEY.kid)
        await wait(lookup.landed, wait_seconds=LONG_SECONDS)
        return KEY.kid in ids(cache.current())

    async def from_tasks() -> list[bool]:
        tasks = [asyncio.create_task(from_a_task()) for _ in range(100)]
        await asyncio.sleep(0)
        barrier.wait(LONG_SECONDS)
        server.release()
        return await asyncio.gather(*tasks)

    with ThreadPoolExecutor(100) as pool:
        threads = [pool.submit(from_a_thread) for _ in range(100)]
        tasks = asyncio.run(from_tasks())

    assert 100 == sum(tasks)
    assert 100 == sum(thread.result() for thread in threads)
    assert 1 == server.hits


def test_k7_a_key_that_arrives_between_two_looks_is_found(
    server: KeyServer, caches: Caches
) -> None:
    """Who saw no key, and asks when the fetch has ended, is not sent away."""
    cache = caches.new()
    landed(cache.look_up(KEY.kid))

    late = cache.look_up(KEY.kid)

    assert late.landed.done()
    assert 1 == server.hits


def test_k8_nobody_waits_for_a_limiter(server: KeyServer, caches: Caches) -> None:
    """While failures forbid a fetch, a look-up ends at once and says for how long."""
    cache = failing(server, caches)

    with pytest.raises(KeysUnavailableError, match=r"for 1\.0 s"):
        cache.look_up(KEY.kid)


@pytest.mark.anyio
async def test_k9_one_who_gives_up_takes_nobody_along(
    server: KeyServer, caches: Caches
) -> None:
    """The first of fifty is cancelled; the other 49 get the key of its fetch."""
    cache = caches.new()
    server.mode = "hang"

    async def key_ids() -> list[str]:
        lookup = cache.look_up(KEY.kid)
        await wait(lookup.landed, wait_seconds=LONG_SECONDS)
        return ids(cache.current())

    tasks = [asyncio.create_task(key_ids()) for _ in range(50)]
    await asyncio.sleep(0)
    tasks[0].cancel()
    server.release()
    outcomes = await asyncio.gather(*tasks, return_exceptions=True)

    assert isinstance(outcomes[0], asyncio.CancelledError)
    assert [[KEY.kid]] * 49 == outcomes[1:]
    assert 1 == server.hits


@pytest.mark.parametrize("mode", ["hang", "drip", "drip headers"])
def test_k10_a_fetch_ends(
    server: KeyServer, caches: Caches, mode: Mode, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A core that never finishes is a failed fetch after its time."""
    monkeypatch.setattr(keys, "HOST_SECONDS", 0.2)
    server.mode = mode
    server.keys *= 20
    cache = caches.new()

    assert not landed(cache.look_up(KEY.kid))
    with pytest.raises(KeysUnavailableError):
        cache.look_up(KEY.kid)


def test_k10_a_fetch_that_hangs_is_given_up(server: KeyServer, caches: Caches) -> None:
    """As when the app's function does; what it brings in the end changes nothing."""
    gone_on = threading.Event()
    first = iter([True])

    def urls() -> list[str]:
        if next(first, False):
            gone_on.wait(LONG_SECONDS)
        return [server.url]

    cache = caches.new(urls=urls)
    hanging = cache.look_up(KEY.kid)
    caches.clock.now += 6
    joined = cache.look_up(KEY.kid)
    caches.clock.now += 1
    with pytest.raises(KeysUnavailableError):
        cache.look_up(KEY.kid)
    given_up = hanging.landed.result(0)
    gone_on.set()
    server.settle()
    came_late = cache.current()
    caches.clock.now += 1

    assert hanging.landed is joined.landed
    assert (False, None) == (given_up, came_late)
    assert ["keys-unavailable"] == [event.code for event in caches.events]
    assert landed(cache.look_up(KEY.kid))


@pytest.mark.parametrize("members", [[], None, {}, [{"kty": "oct"}]])
def test_k13_no_set_without_a_key_replaces_one(
    server: KeyServer, caches: Caches, members: Any
) -> None:
    """An answer without a usable key is a failure, and the good set stays."""
    cache = caches.warm()
    server.keys = members

    assert not landed(cache.look_up(UNKNOWN))
    assert [KEY.kid] == ids(cache.current())


def test_k15_after_a_quiet_night_keys_are_asked_for_first(
    server: KeyServer, caches: Caches
) -> None:
    """A key may have been withdrawn since: the first token waits for the fetch."""
    cache = caches.warm()
    old = cache.current()
    caches.clock.now += HOUR
    after_an_hour = cache.current()
    landed(cache.look_up(KEY.kid))

    assert after_an_hour is None
    assert old is cache.current()
    assert 2 == server.hits


def test_k15_only_a_core_that_is_down_lets_old_keys_serve(
    server: KeyServer, caches: Caches
) -> None:
    """While the last fetch has failed; asked again after another quiet hour."""
    cache = caches.warm()
    server.fail()
    caches.clock.now += 8 * HOUR
    before = cache.current()
    landed(cache.look_up(KEY.kid))
    serving = ids(cache.current())
    caches.clock.now += 1 * HOUR + 2

    assert before is None
    assert [KEY.kid] == serving
    assert cache.current() is None


def test_k15_a_key_that_is_gone_is_gone(server: KeyServer, caches: Caches) -> None:
    """After a fetch the old key is in no set that is handed out."""
    cache = caches.warm()
    old = cache.current()
    server.keys = [NEW_KEY.jwk]
    landed(cache.look_up(NEW_KEY.kid))

    assert old is not cache.current()
    assert [NEW_KEY.kid] == ids(cache.current())


def test_k15_the_same_keys_are_the_same_set(server: KeyServer, caches: Caches) -> None:
    """What was derived from a set survives a fetch that changes nothing."""
    cache = caches.warm()
    old = cache.current()
    landed(cache.look_up(UNKNOWN))

    assert 2 == server.hits
    assert old is cache.current()


def test_k15_another_key_of_the_same_id_is_another(
    server: KeyServer, caches: Caches
) -> None:
    """The value counts, not the id."""
    cache = caches.warm()
    server.keys = [{**NEW_KEY.jwk, "kid": KEY.kid}]
    landed(cache.look_up(UNKNOWN))
    key_set = cache.current()

    assert key_set is not None
    assert {KEY.kid: NEW_KEY.private.public_key()} == key_set.keys


def test_k16_every_core_is_tried(
    server: KeyServer, caches: Caches, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The addresses are those of the moment, and one that hangs costs its time."""
    with KeyServer([KEY.jwk]) as hanging:
        hanging.mode = "hang"
        urls: list[str] = []
        monkeypatch.setattr(keys, "HOST_SECONDS", 0.2)
        cache = caches.new(urls=lambda: urls)
        urls[:] = [hanging.url, server.url]

        assert landed(cache.look_up(KEY.kid))
        assert (1, 1) == (hanging.hits, server.hits)


@pytest.mark.parametrize(
    "urls",
    [
        list,
        lambda: None,
        lambda: [7],
        lambda: 1 / 0,
        sys.exit,
        lambda: [""],
        lambda: "http",
    ],
)
def test_addresses_that_cannot_be_had_are_a_failure(
    caches: Caches, urls: Callable[[], Any]
) -> None:
    """Whatever the function of the addresses does, who waits is told."""
    cache = caches.new(urls=urls)

    assert not landed(cache.look_up(KEY.kid))
    with pytest.raises(KeysUnavailableError, match=r"for 1\.0 s"):
        cache.look_up(KEY.kid)


def test_k17_the_wall_clock_ages_no_keys(
    server: KeyServer, caches: Caches, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A clock that is set a day on or back changes nothing."""
    cache = caches.warm()
    now = time.time()
    for days in (1, -1):
        monkeypatch.setattr(time, "time", lambda days=days: now + days * DAY)
        assert [KEY.kid] == ids(cache.current())
    settle(cache)

    assert 1 == server.hits
    assert time.monotonic is KeyCache(list)._clock


def test_k18_one_cache_serves_many_event_loops(
    server: KeyServer, caches: Caches
) -> None:
    """Twenty loops, one after the other, each with a fetch that it waits for."""
    cache = caches.new()

    async def look_up(number: int) -> bool:
        caches.clock.now += 31
        lookup = cache.look_up(f"s-{number}")
        await wait(lookup.landed, wait_seconds=LONG_SECONDS)
        return lookup.landed.result(0)

    assert [True] * 20 == [asyncio.run(look_up(number)) for number in range(20)]
    assert 20 == server.hits


@pytest.mark.anyio
async def test_k18_a_loop_may_end_while_a_fetch_is_under_way(
    server: KeyServer, caches: Caches
) -> None:
    """The fetch lands for all others."""
    cache = caches.new()
    server.mode = "hang"

    def leave() -> Lookup:
        async def start() -> Lookup:
            lookup = cache.look_up(KEY.kid)
            await wait(lookup.landed, wait_seconds=0.01)
            return lookup

        return asyncio.run(start())

    lookup = await asyncio.to_thread(leave)
    server.release()

    assert await asyncio.to_thread(landed, lookup)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
@pytest.mark.parametrize("hooks", [True, False])
def test_k18_a_child_that_is_forked_while_fetching_fetches_itself(
    server: KeyServer, caches: Caches, monkeypatch: pytest.MonkeyPatch, hooks: bool
) -> None:
    """The parent's fetch never lands in the child, which starts one of its own.

    Nor does the child meet a lock that a thread of the parent held; with the hooks of
    Python, and without, as in uWSGI.
    """
    if not hooks:
        monkeypatch.setattr(keys, "_locks", dict(keys._locks))  # not what they clear
    cache = caches.new()
    server.mode = "hang"
    in_parent = cache.look_up(KEY.kid)
    server.wait_for_hits(1)
    server.mode = "ok"
    lock = keys._lock()
    lock.acquire()  # as a thread that the child has not
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # from Python 3.12 on
        child = os.fork()
    if child == 0:
        signal.alarm(int(LONG_SECONDS))  # rather than wait for a lock for ever
        try:
            is_there = landed(cache.look_up(KEY.kid)) and ids(cache.current())
            os._exit(0 if is_there == [KEY.kid] else 1)
        except BaseException:  # noqa: BLE001 - a child must never return into pytest
            os._exit(2)
    lock.release()

    assert 0 == os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    server.release()
    assert landed(in_parent)


def test_k19_a_cache_that_is_not_asked_asks_nobody(
    server: KeyServer, caches: Caches
) -> None:
    """Making one, and looking at it, is no I/O."""
    cache = caches.new()

    assert cache.current() is None
    assert 0 == server.hits


def test_k20_an_outage_is_told_once(
    server: KeyServer, caches: Caches, caplog: pytest.LogCaptureFixture
) -> None:
    """A thousand requests in an outage of two days are two lines; its end is one."""
    caplog.set_level(logging.INFO, "supertokens_guest")
    cache = caches.warm()
    server.fail()
    for request in range(1_000):
        caches.clock.now += 0 if request % 50 else 2 * DAY / 20
        if cache.current() is None:
            with contextlib.suppress(KeysUnavailableError):
                cache.look_up(KEY.kid)
        settle(cache)
    server.mode = "ok"
    caches.clock.now += 60
    landed(cache.look_up(KEY.kid))
    server.settle()

    assert [
        ("keys-unavailable", "stale"),
        ("keys-unavailable", "cold"),
        ("keys-available", None),
    ] == [(event.code, event.reason) for event in caches.events]
    assert ["WARNING", "WARNING", "INFO"] == [r.levelname for r in caplog.records]


def test_k20_an_observer_that_fails_harms_nobody(
    server: KeyServer, caches: Caches
) -> None:
    """Its error is logged; the fetch has landed before it was called."""

    def fail(_: GuestEvent) -> None:
        raise LookupError("observer")

    server.fail()
    cache = caches.new(observer=fail)
    landed(cache.look_up(KEY.kid))
    caches.clock.now += 1
    server.mode = "ok"

    assert landed(cache.look_up(KEY.kid))
    assert [KEY.kid] == ids(cache.current())


@pytest.mark.parametrize(
    "error",
    [RuntimeError("can't start new thread"), OSError(24, "Too many open files")],
    ids=["thread", "files"],
)
def test_nothing_to_fetch_with_is_a_failure(
    caches: Caches, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    """Without another thread or file, keys are unavailable; known ones go on."""

    def refuse(_: threading.Thread) -> None:
        raise error

    cold, warm = caches.new(), caches.warm()
    caches.clock.now += 3_300  # when keys are fetched anew
    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", refuse)

        assert not landed(cold.look_up(KEY.kid))
        assert [KEY.kid] == ids(warm.current())
    for cache in (cold, warm):
        with pytest.raises(KeysUnavailableError):
            cache.look_up(UNKNOWN)


@pytest.mark.anyio
async def test_k21_no_work_of_a_fetch_is_done_on_the_callers_loop(
    server: KeyServer, caches: Caches
) -> None:
    """The addresses are asked for, and the client is made, in a daemon thread."""
    threads = []

    def urls() -> list[str]:
        threads.append(threading.current_thread())
        return [server.url]

    cache = caches.new(urls=urls)
    await wait(cache.look_up(KEY.kid).landed, wait_seconds=LONG_SECONDS)

    assert [("supertokens-guest:_fetch", True)] == [(t.name, t.daemon) for t in threads]
    assert [KEY.kid] == ids(cache.current())


def test_a_fetch_keeps_no_process_from_ending() -> None:
    """A process that ends with a fetch under way ends at once, without a word."""
    code = (
        "import threading\n"
        "from supertokens_guest._tokens.keys import KeyCache\n"
        "KeyCache(threading.Event().wait).look_up('s-1')\n"
    )
    run = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert (0, "", "") == (run.returncode, run.stdout, run.stderr)


# Waiting


@pytest.mark.anyio
async def test_a_wait_ends_with_the_future() -> None:
    """A waiter wakes when the future is done in another thread, or before."""
    future: Future[bool] = Future()
    threading.Timer(0.02, future.set_result, [True]).start()

    await wait(future, wait_seconds=LONG_SECONDS)
    await wait(future, wait_seconds=LONG_SECONDS)

    assert future.done()


@pytest.mark.anyio
@pytest.mark.parametrize("wait_seconds", [0.01, 0, -1])
async def test_a_wait_that_runs_out_leaves_the_future_alone(
    wait_seconds: float,
) -> None:
    """The budget of one waiter is nothing to the others."""
    future: Future[bool] = Future()

    await wait(future, wait_seconds=wait_seconds)

    assert not future.done()


@pytest.mark.anyio
@pytest.mark.parametrize("is_done", [True, False])
async def test_a_cancelled_waiter_is_cancelled_and_nothing_else(is_done: bool) -> None:
    """Also where the result comes together with the cancellation."""
    future: Future[bool] = Future()
    waiter = asyncio.create_task(wait(future, wait_seconds=LONG_SECONDS))
    await asyncio.sleep(0)
    if is_done:
        future.set_result(True)
    waiter.cancel()

    with pytest.raises(asyncio.CancelledError):
        await waiter
    assert not future.cancelled()
    assert is_done == future.done()


def test_a_loop_that_ends_before_the_future_disturbs_nobody(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The future is done after the waiter's loop was closed, and nothing is logged."""
    future: Future[bool] = Future()

    async def leave() -> None:
        task = asyncio.create_task(wait(future, wait_seconds=LONG_SECONDS))
        await asyncio.sleep(0)
        task.cancel()

    asyncio.run(leave())
    future.set_result(True)

    assert [] == caplog.records


# Fixed keys

PRIVATE_PEM = KEY.private.private_bytes(
    Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()
).decode()
PKCS1_PEM = (
    KEY.private.public_key().public_bytes(Encoding.PEM, PublicFormat.PKCS1).decode()
)
EC_PEM = (
    ec.generate_private_key(ec.SECP256R1())
    .public_key()
    .public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    .decode()
)


@pytest.mark.parametrize("pem", [KEY.pem, f"\n{KEY.pem}\n", PKCS1_PEM])
def test_t14_keys_are_read_from_pem(pem: str) -> None:
    """The keys are there from the start, and stay the same set."""
    source = StaticKeys({KEY.kid: pem})

    assert {KEY.kid: KEY.private.public_key()} == source.current().keys
    assert source.current() is source.current()


def test_t14_there_are_no_others() -> None:
    """Another key id is no key's, and nobody is asked for it."""
    with pytest.raises(TokenError, match="s-other"):
        StaticKeys({KEY.kid: KEY.pem}).look_up("s-other")


@pytest.mark.parametrize("given", [{}, None, [], "s-1", [("s-1", KEY.pem)]])
def test_at_least_one_key_is_needed(given: Any) -> None:
    """No keys, and what is no mapping, is a configuration error."""
    with pytest.raises(ConfigError, match="at least one"):
        StaticKeys(given)


@pytest.mark.parametrize(
    "pem",
    [
        "",
        "x",
        None,
        7,
        KEY.pem[:100],
        KEY.pem.encode(),
        PRIVATE_PEM,
        EC_PEM,
        SigningKey("s-1", private_key(1, bits=1_024)).pem,
        "\ud800",
    ],
    ids=[
        "empty",
        "text",
        "none",
        "number",
        "half",
        "bytes",
        "private",
        "elliptic",
        "short",
        "surrogate",
    ],
)
def test_what_is_no_key_is_an_error_that_does_not_show_it(pem: Any) -> None:
    """Only the PEM of a public RSA key of some size is one; a secret stays one."""
    with pytest.raises(ConfigError, match=r"public_keys\['s-1'\]") as raised:
        StaticKeys({"s-1": pem})

    assert "BEGIN" not in str(raised.value)


@pytest.mark.parametrize("kid", ["", "1", "d-1690000000000", "s-1\n", 7, ("s-1",)])
def test_what_is_no_static_id_is_an_error(kid: Any) -> None:
    """A dynamic key's id, or anybody's, would never match."""
    with pytest.raises(ConfigError, match="static"):
        StaticKeys({kid: KEY.pem})


def test_all_faults_are_named_at_once() -> None:
    """Two wrong ids and a wrong key make three faults."""
    with pytest.raises(ConfigError) as raised:
        StaticKeys({"a": KEY.pem, "b": KEY.pem, "s-1": "x", "s-2": KEY.pem})

    assert 3 == len(raised.value.faults)


def test_the_key_must_not_be_slow() -> None:
    """Above 8,192 bits a check would cost milliseconds."""
    slow = rsa.RSAPublicNumbers(65_537, 2**8_192 + 1).public_key()
    pem = slow.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()

    with pytest.raises(ConfigError, match="bits"):
        StaticKeys({"s-1": pem})
