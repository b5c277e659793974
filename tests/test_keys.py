"""The key cache: K1 to K21, against a server that misbehaves."""

from __future__ import annotations

import asyncio
import logging
import os
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from supertokens_guest import background
from supertokens_guest.errors import KeysUnavailableError
from supertokens_guest.events import GuestEvent
from supertokens_guest.key_source import KeySet, Lookup
from supertokens_guest.keys import KeyCache
from supertokens_guest.refresh import RefreshTiming
from testkit.forging import SigningKey, private_key, static_key
from testkit.keyserver import KeyServer, Mode

KEY = static_key(1)
NEW_KEY = static_key(2)
UNKNOWN = "s-unknown"
HOUR, DAY = 3_600.0, 86_400.0
LONG_SECONDS = 10.0


class Clock:
    """Monotonic seconds that pass when a test says so."""

    def __init__(self) -> None:
        """Begin somewhere."""
        self.now = 1_000.0

    def __call__(self) -> float:
        """Return the instant."""
        return self.now


class Caches:
    """Makes caches of one server's keys, with one clock; tells what they told."""

    def __init__(self, server: KeyServer) -> None:
        """Make none yet."""
        self.server = server
        self.clock = Clock()
        self.events: list[GuestEvent] = []

    def new(self, **options: Any) -> KeyCache:
        """Return a cold cache."""
        options = {
            "urls": lambda: [self.server.url],
            "observer": self.events.append,
            "clock": self.clock,
            "random": lambda: 0.5,
            **options,
        }
        return KeyCache(options.pop("urls"), **options)

    def warm(self, **options: Any) -> KeyCache:
        """Return a cache that holds the server's keys."""
        cache = self.new(**options)
        cache.warm_sync(wait_seconds=LONG_SECONDS)
        assert cache.current() is not None
        return cache


@pytest.fixture(autouse=True)
def _no_certificates(
    monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Load no certificates for each client: nothing here is encrypted."""
    monkeypatch.delenv("SSL_CERT_FILE", raising=False)
    monkeypatch.setenv("SSL_CERT_DIR", str(tmp_path_factory.getbasetemp()))


@pytest.fixture
def server() -> Iterator[KeyServer]:
    """Yield a server of a core's key set."""
    dynamic = SigningKey("d-1690000000000", private_key(3)).jwk
    with KeyServer([dynamic, KEY.jwk]) as server:
        yield server
        server.settle()


@pytest.fixture
def caches(server: KeyServer) -> Caches:
    """Return the maker of caches."""
    return Caches(server)


def landed(lookup: Lookup) -> bool:
    """Wait for a fetch; return whether it brought keys."""
    return lookup.landed.result(LONG_SECONDS)


def settle(cache: KeyCache) -> None:
    """Wait for the fetch that is under way, if there is one."""
    flight = cache._in_flight()
    if flight is not None:
        flight.landed.result(LONG_SECONDS)


def everything_told() -> None:
    """Wait until what was to be told of the last fetch is told: that comes after it."""
    background.submit(lambda: asyncio.sleep(0)).result(LONG_SECONDS)


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
    everything_told()  # a second fetch would have begun by now

    assert (1, 2) == (before, len(fetches))
    assert 0 == cache.status().age_seconds


def test_k3_keys_serve_a_day_without_the_core(
    server: KeyServer, caches: Caches
) -> None:
    """For 24 hours since the last fetch that worked, and not a second more."""
    cache = caches.warm()
    server.fail()
    caches.clock.now += 23 * HOUR
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
    """A core with new keys, and once more, is asked when the first token comes."""
    cache = caches.warm()
    server.keys = [NEW_KEY.jwk]
    landed(cache.look_up(NEW_KEY.kid))
    first = ids(cache.current())
    server.keys = [KEY.jwk]
    landed(cache.look_up(KEY.kid))

    assert [NEW_KEY.kid] == first
    assert [KEY.kid] == ids(cache.current())


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

    assert landed(cache.look_up(KEY.kid))
    assert [KEY.kid] == ids(cache.current())
    assert 0 == cache.status().retry_in_seconds


def test_k7_all_who_wait_share_one_fetch(server: KeyServer, caches: Caches) -> None:
    """100 threads and 100 tasks on a cold cache are one request; all have the key."""
    cache = caches.new()
    barrier = threading.Barrier(101)
    server.mode = "hang"

    def from_a_thread() -> bool:
        barrier.wait(LONG_SECONDS)
        lookup = cache.look_up(KEY.kid)
        background.wait_sync(lookup.landed, wait_seconds=LONG_SECONDS)
        return KEY.kid in ids(cache.current())

    async def from_a_task() -> bool:
        lookup = cache.look_up(KEY.kid)
        await background.wait(lookup.landed, wait_seconds=LONG_SECONDS)
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
        await background.wait(lookup.landed, wait_seconds=LONG_SECONDS)
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
def test_k10_a_fetch_ends(server: KeyServer, caches: Caches, mode: Mode) -> None:
    """A core that never finishes is a failed fetch after its time."""
    server.mode = mode
    server.keys *= 20
    cache = caches.new(timing=RefreshTiming(host_seconds=0.2, total_seconds=0.3))

    assert not landed(cache.look_up(KEY.kid))
    assert not cache.status().is_fetching


@pytest.mark.parametrize("keys", [[], None, {}, [{"kty": "oct"}]])
def test_k13_no_set_without_a_key_replaces_one(
    server: KeyServer, caches: Caches, keys: Any
) -> None:
    """An answer without a usable key is a failure, and the good set stays."""
    cache = caches.warm()
    server.keys = keys

    assert not landed(cache.look_up(UNKNOWN))
    assert [KEY.kid] == ids(cache.current())


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


def test_k16_every_core_is_tried(server: KeyServer, caches: Caches) -> None:
    """The addresses are those of the moment, and one that hangs costs its time."""
    with KeyServer([KEY.jwk]) as hanging:
        hanging.mode = "hang"
        urls: list[str] = []
        timing = RefreshTiming(host_seconds=0.2)
        cache = caches.new(urls=lambda: urls, timing=timing)
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
    assert cache.status().retry_in_seconds > 0


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
        await background.wait(lookup.landed, wait_seconds=LONG_SECONDS)
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
            await background.wait(lookup.landed, wait_seconds=0.01)
            return lookup

        return asyncio.run(start())

    lookup = await asyncio.to_thread(leave)
    server.release()

    assert await asyncio.to_thread(landed, lookup)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
def test_k18_a_child_that_is_forked_while_fetching_fetches_itself(
    server: KeyServer, caches: Caches
) -> None:
    """The parent's fetch never lands in the child, which starts one of its own."""
    cache = caches.new()
    server.mode = "hang"
    in_parent = cache.look_up(KEY.kid)
    server.wait_for_hits(1)
    server.mode = "ok"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # from Python 3.12 on
        child = os.fork()
    if child == 0:
        try:
            caches.clock.now += 31
            is_there = landed(cache.look_up(KEY.kid)) and ids(cache.current())
            os._exit(0 if is_there == [KEY.kid] else 1)
        except BaseException:  # noqa: BLE001 - a child must never return into pytest
            os._exit(2)

    assert 0 == os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    server.release()
    assert landed(in_parent)


def test_k19_a_cache_that_is_not_asked_asks_nobody(
    server: KeyServer, caches: Caches
) -> None:
    """Making one, and looking at it, is no I/O."""
    cache = caches.new()

    assert cache.current() is None
    assert "cold" == cache.status().state
    assert 0 == server.hits


@pytest.mark.anyio
async def test_k19_warming_up_fetches_once(server: KeyServer, caches: Caches) -> None:
    """After it the keys are there; a second time there is nothing to do."""
    cache = caches.new()
    await cache.warm()
    await cache.warm()
    cache.warm_sync()

    assert [KEY.kid] == ids(cache.current())
    assert 1 == server.hits


@pytest.mark.anyio
async def test_k19_warming_up_survives_a_core_that_is_down(
    server: KeyServer, caches: Caches, caplog: pytest.LogCaptureFixture
) -> None:
    """The failure is logged and nothing is raised, the second time neither."""
    server.fail()
    cache = caches.new()
    await cache.warm()
    cache.warm_sync()
    everything_told()

    assert cache.current() is None
    assert 1 == server.hits
    assert 1 == len(caplog.records)


def test_k20_the_status_of_a_cache(server: KeyServer, caches: Caches) -> None:
    """Fresh for an hour, then stale, cold after a day; with what is known of errors."""
    cache = caches.warm()
    fresh = cache.status()
    caches.clock.now += HOUR
    stale = cache.status()
    server.fail()
    landed(cache.look_up(UNKNOWN))
    after = cache.status()
    caches.clock.now += DAY
    cold = cache.status()

    assert ("fresh", 0.0, (KEY.kid,), None) == (
        fresh.state,
        fresh.age_seconds,
        fresh.key_ids,
        fresh.last_error,
    )
    assert ("stale", HOUR) == (stale.state, stale.age_seconds)
    assert 1 == after.retry_in_seconds
    assert "answered 500" in str(after.last_error)
    assert "cold" == cold.state


def test_k20_a_fetch_under_way_is_seen(server: KeyServer, caches: Caches) -> None:
    """The status says that one is under way."""
    cache = caches.new()
    server.mode = "hang"
    cache.look_up(KEY.kid)

    assert cache.status().is_fetching


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
            cache.warm_sync(wait_seconds=LONG_SECONDS)
        settle(cache)
    server.mode = "ok"
    caches.clock.now += 60
    cache.warm_sync(wait_seconds=LONG_SECONDS)
    everything_told()

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

    def refuse(_: Callable[[], Any]) -> None:
        raise error

    cold, warm = caches.new(), caches.warm()
    caches.clock.now += 3_300  # when keys are fetched anew
    with monkeypatch.context() as patch:
        patch.setattr(background, "submit", refuse)

        assert not landed(cold.look_up(KEY.kid))
        assert [KEY.kid] == ids(warm.current())
    assert [False, False] == [cache.status().is_fetching for cache in (cold, warm)]


@pytest.mark.anyio
async def test_k21_no_work_of_a_fetch_is_done_on_the_callers_loop(
    server: KeyServer, caches: Caches, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The addresses are asked for, and the client is made, in the background thread."""
    names = []

    def urls() -> list[str]:
        names.append(threading.current_thread().name)
        return [server.url]

    cache = caches.new(urls=urls)
    await background.wait(cache.look_up(KEY.kid).landed, wait_seconds=LONG_SECONDS)

    assert ["supertokens-guest"] == names
    assert [KEY.kid] == ids(cache.current())
