"""The demo: as its user starts it, or in this process for what no user would do."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx

from demo import cores
from demo.auth import init_supertokens
from demo.carts import Carts
from demo.shop import create_shop
from testkit.sdk import reset_sdk
from testkit.serving import serving_asgi

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from fastapi import FastAPI

    from testkit.core import Core

ROOT = Path(__file__).parents[1]
_START_SECONDS = 60.0
_STOP_SECONDS = 20.0


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
    return subprocess.Popen(  # noqa: S603 - our own code, with a test's arguments
        [sys.executable, "-m", "demo", *arguments],
        cwd=ROOT,
        env={**os.environ, **environment},
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


SMALL_SHOPS = {
    "flask": ("flask", "--app", "demo.flask_app", "run", "--port"),
    "django": ("django", "runserver", "--settings", "demo.django_app.settings"),
}
"""How a user starts the small shops, after ``python -m``; the port comes last."""


@contextmanager
def running_small_shop(framework: str) -> Iterator[str]:
    """Start a small shop and wait until it answers; yields its address.

    Raises:
        ShopError: It ended, or did not answer in time, or did not end when it should.
    """
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    process = subprocess.Popen(  # noqa: S603 - our own code
        [sys.executable, "-m", *SMALL_SHOPS[framework], str(port)],
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,  # Django's reloader is two processes
    )
    address = f"http://127.0.0.1:{port}"
    try:
        _wait_for(address, process)
        yield address
    finally:
        os.killpg(process.pid, signal.SIGINT)  # as a terminal does at Ctrl-C
        try:
            status = process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            raise
    if status != 0:
        raise ShopError(f"the shop in {framework} ended with {status}")


def _wait_for(address: str, process: subprocess.Popen[bytes]) -> None:
    give_up_at = time.monotonic() + _START_SECONDS
    while not _answers(address):
        if process.poll() is not None or time.monotonic() > give_up_at:
            raise ShopError(f"nothing answers at {address}")
        time.sleep(0.05)


def _answers(address: str) -> bool:
    """Tell whether a shop has made a guest: its first one takes the longest."""
    try:
        return httpx.get(f"{address}/cart", timeout=_START_SECONDS).is_success
    except httpx.ConnectError:
        return False


class Shop:
    """The demo in this process, at one address whatever happens to it.

    Attributes:
        address: Where browsers find it.
        carts: The users' carts.
        app: What answers there now; a test may add routes.
    """

    def __init__(self, address: str, carts: Carts) -> None:
        """Remember the address; nothing answers there before ``start``."""
        self.address = address
        self.carts = carts
        self.app: FastAPI

    def start(
        self,
        core: Core,
        init: Callable[[str, cores.Core, Carts], None] = init_supertokens,
    ) -> None:
        """Start, or start again: as a new process, which knows no keys and no guests.

        Args:
            core: The core that it shall use.
            init: How SuperTokens is initialised.
        """
        reset_sdk()
        found = cores.Core(url=core.url, api_key=core.api_key, description="")
        init(self.address, found, self.carts)
        self.app = create_shop(self.address, self.carts)


@contextmanager
def shop_here(directory: Path, host: str = "127.0.0.1") -> Iterator[Shop]:
    """Keep a port for a shop in this process, until the block ends.

    Args:
        directory: Where the carts are kept.
        host: A name of this machine, by which browsers shall find the shop.
    """

    async def answer(scope: Any, receive: Any, send: Any) -> None:
        await shop.app(scope, receive, send)

    with serving_asgi(answer) as url:
        address = url.replace("127.0.0.1", host)
        shop = Shop(address, Carts(directory / "carts.db"))
        try:
            yield shop
        finally:
            reset_sdk()
