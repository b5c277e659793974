"""``python -m supertokens_guest.devcore``, as a person at a terminal has it."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

import supertokens_guest.devcore
from supertokens_guest.devcore.__main__ import main

ROOT = Path(supertokens_guest.devcore.__file__).absolute().parents[2]


@contextmanager
def running(*arguments: str) -> Iterator[tuple[subprocess.Popen[str], str, str]]:
    """Yield the process, its address and its banner; Ctrl-C ends it."""
    process = subprocess.Popen(
        [sys.executable, "-m", "supertokens_guest.devcore", "--port", "0", *arguments],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    with process:
        assert process.stdout is not None
        banner = "".join(process.stdout.readline() for _ in range(3))
        address = re.search(r"http://\S+", banner)
        assert address is not None, banner
        try:
            yield process, address[0], banner
        finally:
            process.send_signal(signal.SIGINT)


def test_it_runs_until_ctrl_c(tmp_path: Path) -> None:
    """The banner says what it is for; the same keys come back with ``--keys``."""
    arguments = ("--keys", str(tmp_path / "keys"), "--api-key", "a" * 20)
    published = []
    for _ in range(2):
        with running(*arguments) as (process, url, banner):
            refused = httpx.get(f"{url}/apiversion").status_code
            keys = httpx.get(f"{url}/.well-known/jwks.json").json()
            published.append(keys)
        assert 0 == process.returncode
        assert 401 == refused
        assert "For development and tests only" in banner

    assert published[0] == published[1]


def refusal(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """Return the one line that a wrong command line gets."""
    assert 2 == main(list(arguments))
    captured = capsys.readouterr()
    assert "" == captured.out
    assert 1 == captured.err.count("\n")
    return captured.err


def test_a_port_in_use(capsys: pytest.CaptureFixture[str]) -> None:
    """One line says so, and the status is 2."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])

        assert f"port {port}" in refusal(capsys, "--port", port)


def test_a_short_api_key(capsys: pytest.CaptureFixture[str]) -> None:
    """One line says how long it must be."""
    assert "at least 20" in refusal(capsys, "--port", "0", "--api-key", "short")


def test_shorter_access_tokens(capsys: pytest.CaptureFixture[str]) -> None:
    """The command takes the fraction; one that is too large gets a line."""
    option = "--access-token-validity-jitter"
    session = {"userId": "u", "userDataInJWT": {}, "userDataInDatabase": {}}
    with running(option, "0.25") as (_, url, _):
        lifetimes = set()
        for _ in range(20):
            answer = httpx.post(
                f"{url}/recipe/session", json={**session, "enableAntiCsrf": False}
            )
            token = answer.json()["accessToken"]
            lifetimes.add(token["expiry"] - token["createdTime"])

    assert 2_700_000 <= min(lifetimes) < max(lifetimes) <= 3_600_000
    assert "0.25" in refusal(capsys, "--port", "0", option, "0.3")


def test_an_unreadable_key_file(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """One line names the file."""
    assert str(tmp_path) in refusal(capsys, "--port", "0", "--keys", str(tmp_path))


def test_a_host_for_others(capsys: pytest.CaptureFixture[str]) -> None:
    """One line names the option that allows it."""
    assert "--allow-remote" in refusal(capsys, "--host", "0.0.0.0")
