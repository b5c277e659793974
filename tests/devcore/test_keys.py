"""The signing keys over time, and the file that keeps them."""

from __future__ import annotations

import stat
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from supertokens_guest.devcore import KeyFileError
from supertokens_guest.devcore.keys import KeyRing

if TYPE_CHECKING:
    from pathlib import Path

HOUR = 3600
WEEK = 168 * HOUR
START = 1_800_000_000.0


@dataclass
class Clock:
    """A clock that a test moves."""

    now: float = START

    def __call__(self) -> float:
        """Return the seconds."""
        return self.now


@pytest.fixture
def clock() -> Clock:
    """Return a clock that stands still."""
    return Clock()


@pytest.fixture
def keys(clock: Clock) -> KeyRing:
    """Return the keys of a core that has just started."""
    return KeyRing(clock=clock, access_token_validity_seconds=HOUR)


def test_a_fresh_core_has_two_keys(keys: KeyRing) -> None:
    """The dynamic one comes first; its id is the time of its making."""
    dynamic, static = (key.kid for key in keys.published())

    assert f"d-{START * 1000:.0f}" == dynamic
    assert static.startswith("s-")
    assert dynamic == keys.signing_key(static=False).kid
    assert static == keys.signing_key(static=True).kid


def test_the_key_set_may_be_cached_until_the_next_key(
    keys: KeyRing, clock: Clock
) -> None:
    """A week without the minute of overlap, counting down, and never zero."""
    fresh = keys.max_age_seconds()
    clock.now += WEEK - 60 - 0.5

    assert [WEEK - 60, 1] == [fresh, keys.max_age_seconds()]


def test_a_new_key_waits_for_a_minute(keys: KeyRing, clock: Clock) -> None:
    """It is published 60 s before it signs; the old one signs until then."""
    (old, _) = keys.published()
    clock.now += WEEK - 60
    new, *rest = keys.published()
    in_the_overlap = keys.signing_key(static=False)
    clock.now += 60

    assert old in rest
    assert [old, new] == [in_the_overlap, keys.signing_key(static=False)]


def test_an_old_key_stays_until_its_last_token_is_dead(
    keys: KeyRing, clock: Clock
) -> None:
    """That is twice the validity of an access token after it stopped signing."""
    (old, static) = keys.published()
    clock.now += WEEK
    keys.published()
    clock.now = START + WEEK + 2 * HOUR - 1
    still_there = old in keys.published()
    clock.now = START + 2 * WEEK + 2 * HOUR

    assert still_there
    assert [static] == [key for key in keys.published() if key in (old, static)]


def test_ids_of_keys_made_in_one_millisecond_differ(keys: KeyRing) -> None:
    """A test may rotate as often as it likes."""
    for _ in range(3):
        keys.rotate(keep_old=True)
    ids = [key.kid for key in keys.published()]

    assert 8 == len(set(ids))


def ring(clock: Clock, file: Path) -> KeyRing:
    """Return keys that are kept in *file*."""
    return KeyRing(clock=clock, access_token_validity_seconds=HOUR, file=file)


def test_a_file_keeps_the_keys(clock: Clock, tmp_path: Path) -> None:
    """The next core signs with the same keys."""
    first = ring(clock, tmp_path / "keys").published()
    second = ring(clock, tmp_path / "keys").published()

    assert [key.jwk for key in first] == [key.jwk for key in second]
    assert first[1].sign(b"x") == second[1].sign(b"x")


def test_a_rotation_is_kept(clock: Clock, tmp_path: Path) -> None:
    """The file holds the keys in force, not the first ones."""
    keys = ring(clock, tmp_path / "keys")
    keys.rotate()

    assert [key.kid for key in keys.published()] == [
        key.kid for key in ring(clock, tmp_path / "keys").published()
    ]


def test_the_file_is_the_owner_s(clock: Clock, tmp_path: Path) -> None:
    """Mode 0600, and no second file is left."""
    ring(clock, tmp_path / "keys")

    assert 0o600 == stat.S_IMODE((tmp_path / "keys").stat().st_mode)
    assert ["keys"] == [path.name for path in tmp_path.iterdir()]


@pytest.mark.parametrize(
    "content",
    [
        "",
        "{}",
        "[]",
        '{"static": {}, "dynamic": {}}',
        '{"static": {"s-1": "x"}, "dynamic": {}}',
        '{"static": {"s-1": 5}, "dynamic": {}}',
    ],
)
def test_a_file_of_something_else_is_an_error(
    clock: Clock, tmp_path: Path, content: str
) -> None:
    """It is never overwritten."""
    file = tmp_path / "keys"
    file.write_text(content)

    with pytest.raises(KeyFileError, match="does not hold a dev core's keys"):
        ring(clock, file)
    assert content == file.read_text()


def test_a_file_that_cannot_be_read_or_written_is_an_error(
    clock: Clock, tmp_path: Path
) -> None:
    """The message says which file, and why."""
    with pytest.raises(KeyFileError, match=r"cannot read .*: Is a directory"):
        ring(clock, tmp_path)
    with pytest.raises(KeyFileError, match=r"cannot write .*: No such file"):
        ring(clock, tmp_path / "none" / "keys")
