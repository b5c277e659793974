"""How the demo starts and ends: ``python -m demo`` as a user runs it."""

from __future__ import annotations

import os
import signal
import socket
import sqlite3
import subprocess
from contextlib import closing
from typing import TYPE_CHECKING

import httpx
import pytest

from testkit.shop import ROOT, read_address, running_shop, start_shop, stop_shop

if TYPE_CHECKING:
    from pathlib import Path


def test_the_last_line_is_the_address_and_it_works_at_once() -> None:
    """Whoever opens the address when it appears gets the page."""
    with running_shop() as address:
        assert address.startswith("http://127.0.0.1:")
        page = httpx.get(address)
        assert 200 == page.status_code
        assert "<title>Guest shop</title>" in page.text


def test_it_starts_a_core_when_none_is_named() -> None:
    """Nothing but Python is needed, also where an empty variable names no core."""
    with running_shop(SUPERTOKENS_CONNECTION_URI="") as address:
        answer = httpx.put(
            f"{address}/api/cart/stoneware-mug-cobalt",
            json={"quantity": 1},
            headers={"rid": "test"},
        )
        assert {"stoneware-mug-cobalt": 1} == answer.json()["cart"]


@pytest.mark.parametrize("by", [signal.SIGINT, signal.SIGTERM])
def test_it_ends_well_and_leaves_nothing(by: signal.Signals, tmp_path: Path) -> None:
    """Ctrl-C and a polite kill end it with 0, and the carts' database is gone."""
    process = start_shop("--port", "0", TMPDIR=str(tmp_path))
    try:
        read_address(process)
        made = list(tmp_path.glob("*/carts.db"))
    finally:
        ended = stop_shop(process, by)
    assert (0, "") == ended
    assert 1 == len(made)
    assert [] == list(tmp_path.iterdir())


def test_a_database_that_was_asked_for_is_kept(tmp_path: Path) -> None:
    """With ``--database`` the carts are there the next time."""
    file = tmp_path / "carts.db"
    with running_shop("--database", str(file)):
        pass
    with closing(sqlite3.connect(file)) as connection:
        assert [] == connection.execute("SELECT * FROM items").fetchall()


def _refusal(*arguments: str, **environment: str) -> tuple[int, list[str]]:
    """Start a demo that cannot; return its status and what it says, by lines."""
    process = start_shop(*arguments, **environment)
    output, errors = process.communicate(timeout=30)
    assert "" == output
    return process.returncode, errors.splitlines()


def _run_by_make(*command: str) -> str:
    """Return the last line that make would run, whatever make runs these tests."""
    said = subprocess.run(
        [*command, "--dry-run"],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"]},
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    return said.splitlines()[-1].strip()


def test_a_port_that_is_in_use_is_one_line() -> None:
    """The line names the port and what to type, which works; the status is 2."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        status, lines = _refusal("--port", str(port))
    typed = f"make demo PORT={port + 1}"
    assert 2 == status
    assert [f"The shop cannot start. Port {port}: it is in use. Type: {typed}"] == lines
    assert _run_by_make(*typed.split()).endswith(f" -m demo --port {port + 1}")


def test_without_a_port_make_names_none() -> None:
    """The default is the demo's own, and so is what is said when it is in use."""
    assert _run_by_make("make", "demo").endswith(" -m demo")


def test_a_port_that_cannot_be_is_one_line() -> None:
    """The status is 2 for any port that cannot be had."""
    status, lines = _refusal("--port", "99999")
    assert (2, 1) == (status, len(lines))


def test_a_core_that_does_not_answer_is_one_line() -> None:
    """The line names the core of the environment; no dev core takes its place."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))  # bound and not listening: refuses connections
        core = f"http://127.0.0.1:{unused.getsockname()[1]}"
        status, lines = _refusal("--port", "0", SUPERTOKENS_CONNECTION_URI=core)
    assert (2, 1) == (status, len(lines))
    assert core in lines[0]


def test_a_file_that_is_no_database_is_one_line(tmp_path: Path) -> None:
    """The line names the file, which is left as it was."""
    file = tmp_path / "notes.txt"
    file.write_text("not a database, and long enough to be looked at" * 20)
    status, lines = _refusal("--port", "0", "--database", str(file))
    assert (2, 1) == (status, len(lines))
    assert str(file) in lines[0]
    assert file.read_text().startswith("not a database")
