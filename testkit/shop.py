"""The demo as its user starts it: a process of its own, on a free port."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[1]
_STOP_SECONDS = 10.0

# The SDK loads a bundle of certificates for 20 ms at each call of the core, unless they
# are in a directory, in which OpenSSL looks when it needs one: on plain HTTP, never.
_NO_CERTIFICATES = {"SSL_CERT_DIR": str(Path(__file__).parent)}


class ShopError(Exception):
    """The demo did something else than to start, be quiet and end."""


@contextmanager
def running_shop(
    *arguments: str, quiet: bool = True, **environment: str
) -> Iterator[str]:
    """Run the demo; yields the address that its last line names.

    Args:
        arguments: For the command line.
        quiet: Whether it has no reason to write to its standard error.
        environment: Beside the one we have: without a core in it, the demo starts one.

    Raises:
        ShopError: It did not start, wrote to its standard error unasked, or did not end
            well when it was interrupted.
    """
    process = start_shop("--port", "0", *arguments, **environment)
    try:
        address = read_address(process)
        yield address
    finally:
        status, errors = stop_shop(process)
    if status != 0 or (errors and quiet):
        raise ShopError(f"the shop ended with {status} and said {errors!r}")


def start_shop(*arguments: str, **environment: str) -> subprocess.Popen[str]:
    """Start the demo."""
    inherited = {**os.environ, **_NO_CERTIFICATES}
    inherited.pop("SSL_CERT_FILE", None)
    return subprocess.Popen(  # noqa: S603 - our own code, with a test's arguments
        [sys.executable, "-m", "demo", *arguments],
        cwd=ROOT,
        env={**inherited, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def read_address(process: subprocess.Popen[str]) -> str:
    """Wait for the line that says where the shop is, and return the address."""
    line = ""
    for line in process.stdout or ():
        word, _, address = line.strip().partition(" ")
        if word == "Open":
            return address
    raise ShopError(f"the shop did not start; it said {line!r}")


def stop_shop(
    process: subprocess.Popen[str], by: signal.Signals = signal.SIGINT
) -> tuple[int, str]:
    """Stop the demo; return its exit status and what it wrote to standard error."""
    process.send_signal(by)
    try:
        _, errors = process.communicate(timeout=_STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        raise
    return process.returncode, errors
