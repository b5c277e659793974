"""Servers that people deploy with, each started as a process of its own."""

from __future__ import annotations

import importlib.util
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import httpx

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

ROOT = Path(__file__).parents[1]
_START_SECONDS = 30.0
_STOP_SECONDS = 20.0

_ENVIRONMENT = {"PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "ignore"}


class ServerError(Exception):
    """A server said something about why it does not serve."""


@dataclass(frozen=True)
class Server:
    """A server, and how to start it.

    Attributes:
        module: What has to be installed for it.
        command: Its command line; ``{fd}`` is the socket where it shall listen, and
            ``{app}`` what it shall serve.
        forks: Whether it loads the app before it makes its processes.
        is_greenlet: Whether its threads are greenlets: the SDK serves one at a time.
    """

    module: str
    command: Sequence[str]
    forks: bool = False
    is_greenlet: bool = False

    def missing(self) -> str | None:
        """Return why it cannot be started here, if so."""
        if importlib.util.find_spec(self.module) is None:
            return f"{self.module} is not installed"
        if self.module == "eventlet" and sys.version_info >= (3, 14):
            return "eventlet does not support this Python"
        return None


def _gunicorn(worker: str, *options: str, is_greenlet: bool = False) -> Server:
    bind = ("--bind", "fd://{fd}", "--no-control-socket", "--log-level", "error")
    return Server(
        "gunicorn",
        (sys.executable, "-m", "gunicorn", *bind, "-k", worker, *options, "{app}"),
        forks="--preload" in options,
        is_greenlet=is_greenlet,
    )


def _uwsgi(*options: str) -> Server:
    uwsgi = str(Path(sys.executable).with_name("uwsgi"))
    quiet = ("--disable-logging", "--die-on-term", "--need-app")
    # A body that a view leaves unread would reset the connection at its end.
    listens = (
        "--http-socket",
        "fd://{fd}",
        "--post-buffering",
        "1",
        "--module",
        "{app}",
    )
    return Server(
        "pyuwsgi",
        (uwsgi, "--master", "--processes", "2", *options, *quiet, *listens),
        forks=True,
    )


_EVENTLET = (sys.executable, "-m", "testkit.served.by_eventlet", "{fd}", "{app}")

SERVERS = {
    "gunicorn sync": _gunicorn("sync"),
    "gunicorn gthread": _gunicorn("gthread", "--threads", "4"),
    "gunicorn gthread, preload": _gunicorn("gthread", "--threads", "4", "--preload"),
    "gunicorn gevent": _gunicorn("gevent", is_greenlet=True),
    "eventlet": Server("eventlet", _EVENTLET, is_greenlet=True),
    "uwsgi": _uwsgi(),
    "uwsgi, threads": _uwsgi("--enable-threads", "--threads", "2"),
}
"""What is tested, by name."""


@contextmanager
def serving(command: Sequence[str], app: str, **environment: str) -> Iterator[str]:
    """Have a server serve *app*; yields its address.

    Raises:
        ServerError: It did not end when it was told to, or a test failed that it said
            something about.
    """
    listener = socket.create_server(("127.0.0.1", 0), backlog=64)
    url, fd = f"http://127.0.0.1:{listener.getsockname()[1]}", listener.fileno()
    inherited = {name: os.environ[name] for name in os.environ if name[:3] != "COV"}
    with tempfile.TemporaryFile("w+") as output:
        process = subprocess.Popen(  # noqa: S603 - our own code, with a test's arguments
            [part.format(fd=fd, app=app) for part in command],
            cwd=ROOT,
            env={**inherited, **_ENVIRONMENT, **environment},
            pass_fds=[fd],
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
        listener.close()
        try:
            _wait_until_it_answers(url, process)
            yield url
            process.terminate()
            process.wait(_STOP_SECONDS)
        except Exception as error:
            output.seek(0)
            raise ServerError(f"the server said: {output.read()[-4_000:]}") from error
        finally:
            _kill_group(process)


def _wait_until_it_answers(url: str, process: subprocess.Popen[bytes]) -> None:
    """Wait for any answer; uWSGI resets who connects before it has loaded the app."""
    give_up_at = time.monotonic() + _START_SECONDS
    while True:
        try:
            httpx.get(url, timeout=_START_SECONDS, trust_env=False, verify=False)  # noqa: S501 - plain HTTP; it saves loading certificates
        except httpx.TransportError:  # noqa: PERF203 - it is what is waited for
            if process.poll() is not None or time.monotonic() > give_up_at:
                raise
            time.sleep(0.05)
        else:
            return


def _kill_group(process: subprocess.Popen[bytes]) -> None:
    """End what a server may have left of itself."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        return
    process.wait(_STOP_SECONDS)
