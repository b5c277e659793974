"""When keys may be fetched."""

from __future__ import annotations

import random

import pytest

from supertokens_guest.refresh import RefreshPlan, RefreshTiming

TIMING = RefreshTiming()


def plan(jitter: float = 0.5) -> RefreshPlan:
    """Return a plan whose jitter is always the same; 0.5 is none."""
    return RefreshPlan(TIMING, lambda: jitter)


def test_the_first_fetch_may_start_at_once() -> None:
    """Nothing forbids it, for known and unknown ids, at whatever time."""
    fresh = plan()

    assert 0 == fresh.wait_seconds(-5.0)
    assert 0 == fresh.unknown_wait_seconds(-5.0, have_keys=True)


def test_k6_failures_back_off() -> None:
    """1, 2, 4 seconds and so on, to 60; a success ends it."""
    failing = plan()
    waits = []
    for _ in range(9):
        failing.failed(100.0)
        waits.append(failing.wait_seconds(100.0))
    failing.succeeded()
    after = failing.wait_seconds(100.0)
    failing.failed(100.0)

    assert [1, 2, 4, 8, 16, 32, 60, 60, 60] == waits
    assert 0 == after
    assert 1 == failing.wait_seconds(100.0)


def test_k6_a_wait_runs_out() -> None:
    """The wait counts from the failure."""
    failing = plan()
    failing.failed(100.0)

    assert 0.25 == failing.wait_seconds(100.75)
    assert 0 == failing.wait_seconds(101.0)


def test_k6_an_outage_of_years_is_no_overflow() -> None:
    """The steps stop to grow, not to count."""
    failing = plan()
    for _ in range(2_000):
        failing.failed(0.0)

    assert 60 == failing.wait_seconds(0.0)


@pytest.mark.parametrize(("jitter", "wait"), [(0.0, 0.8), (0.5, 1.0), (1.0, 1.2)])
def test_k6_the_wait_varies_by_a_fifth(jitter: float, wait: float) -> None:
    """Processes that failed together do not come back together."""
    failing = plan(jitter)
    failing.failed(0.0)

    assert pytest.approx(wait) == failing.wait_seconds(0.0)


@pytest.mark.parametrize("seed", range(5))
def test_k6_an_hour_of_outage_is_few_fetches(seed: int) -> None:
    """At any rate of requests an hour without the core is at most 80 fetches."""
    failing = RefreshPlan(TIMING, random.Random(seed).random)
    now, fetches = 0.0, 0
    while now < 3_600.0:
        failing.failed(now)
        fetches += 1
        now += failing.wait_seconds(now)

    assert fetches <= 80


@pytest.mark.parametrize(("jitter", "at"), [(0.0, 2_592), (0.5, 2_880), (1.0, 3_168)])
def test_k2_a_refresh_is_due_before_the_keys_are_stale(
    jitter: float, at: float
) -> None:
    """At 80 % of an hour, a tenth more or less, counted from the fetch."""
    assert pytest.approx(1_000 + at) == plan(jitter).refresh_at(1_000.0)


def test_k4_an_unknown_id_is_asked_for_once_a_cooldown() -> None:
    """After one fetch for an unknown id there is none for another in 30 s."""
    asked = plan()
    asked.asked_for_unknown(100.0)

    assert 30 == asked.unknown_wait_seconds(100.0, have_keys=True)
    assert 0 < asked.unknown_wait_seconds(129.9, have_keys=True)
    assert 0 >= asked.unknown_wait_seconds(130.0, have_keys=True)


def test_k4_an_id_that_was_found_costs_no_cooldown() -> None:
    """A core with new keys twice in a row is asked twice, and then no more for a while.

    Cores with different keys behind one address would be asked for each token.
    """
    asked = plan()
    asked.asked_for_unknown(100.0)
    asked.found_unknown(100.0)
    assert 0 == asked.unknown_wait_seconds(100.0, have_keys=True)

    asked.asked_for_unknown(101.0)
    asked.found_unknown(101.0)
    assert 30 == asked.unknown_wait_seconds(101.0, have_keys=True)

    asked.asked_for_unknown(131.0)
    asked.found_unknown(131.0)
    assert 0 == asked.unknown_wait_seconds(131.0, have_keys=True)


def test_k4_without_keys_only_failures_count() -> None:
    """A process that starts while the core does asks again after a second."""
    asked = plan()
    asked.asked_for_unknown(100.0)
    asked.failed(100.0)

    assert 1 == asked.unknown_wait_seconds(100.0, have_keys=False)
    assert 30 == asked.unknown_wait_seconds(100.0, have_keys=True)


def test_k6_failures_bind_unknown_ids_too() -> None:
    """The longer of the two waits holds."""
    failing = plan()
    for _ in range(8):
        failing.failed(100.0)
    failing.asked_for_unknown(100.0)

    assert 60 == failing.unknown_wait_seconds(100.0, have_keys=True)
