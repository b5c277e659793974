"""Runs the shop: ``python -m demo``, until Ctrl-C."""

from __future__ import annotations

import argparse
import errno
import os
import signal
import socket
import sqlite3
import sys
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory

# The SDK would fetch the list of public suffixes to compare the domains of page and
# API. Ours are the same, so there is nothing to look up. Read when the SDK is imported.
os.environ.setdefault("SUPERTOKENS_TLDEXTRACT_DISABLE_HTTP", "1")

import uvicorn

from demo.auth import init_supertokens
from demo.carts import Carts
from demo.cores import StartError, available_core
from demo.shop import create_shop

# This machine alone: the shop takes any password and shows what it does.
_HOST = "127.0.0.1"
_PORT = 8000
_CANNOT_START = 2


class _Server(uvicorn.Server):
    """Says where the shop is, once it can be opened there."""

    def __init__(self, config: uvicorn.Config, address: str) -> None:
        super().__init__(config)
        self._address = address

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        _say(f"Open {self._address}")


def main() -> int:
    """Run the shop until it is told to stop; return the exit status."""
    arguments = _parse_arguments()
    # Whoever stops us politely gets the same clean end as Ctrl-C.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        with ExitStack() as stack:
            _run(stack, port=arguments.port, database=arguments.database)
    except KeyboardInterrupt:
        return 0
    except StartError as error:
        sys.stderr.write(f"The shop cannot start. {error}\n")
        return _CANNOT_START
    return 0


def _parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m demo",
        description="A shop in which a guest's cart survives the sign-up.",
        epilog="Uses the SuperTokens core of SUPERTOKENS_CONNECTION_URI and"
        " SUPERTOKENS_API_KEY when they are set, and otherwise a dev core of its own.",
    )
    parser.add_argument(
        "--port", type=int, default=_PORT, help="default: %(default)s; 0: any"
    )
    parser.add_argument(
        "--database",
        type=Path,
        metavar="FILE",
        help="keep users' carts in this SQLite database; without it they are forgotten",
    )
    return parser.parse_args()


def _run(stack: ExitStack, *, port: int, database: Path | None) -> None:
    """Serve until interrupted; what *stack* holds is closed afterwards.

    Raises:
        StartError: There is no port, no database or no core to use.
    """
    listener = stack.enter_context(_listen(port))
    address = f"http://{_HOST}:{listener.getsockname()[1]}"
    if database is None:
        directory = stack.enter_context(TemporaryDirectory(prefix="guest-shop-"))
        database = Path(directory, "carts.db")
    try:
        carts = Carts(database)
    except sqlite3.Error as error:
        raise StartError(f"Database {database}: {error}.") from error
    core = stack.enter_context(available_core())
    _say(f"SuperTokens: {core.description}. Ctrl-C stops the shop.")
    init_supertokens(address, core, carts)
    config = uvicorn.Config(
        create_shop(address, carts),
        log_level="warning",
        # Ctrl-C ends it now, even in the middle of an answer.
        timeout_graceful_shutdown=1,
    )
    _Server(config, address).run(sockets=[listener])


def _listen(port: int) -> socket.socket:
    """Take the port before anything else is started.

    Raises:
        StartError: Somebody else has it, or we may not have it.
    """
    try:
        return socket.create_server((_HOST, port), backlog=128)
    except (OSError, OverflowError) as error:
        in_use = isinstance(error, OSError) and error.errno == errno.EADDRINUSE
        reason = "it is in use" if in_use else str(error).rstrip(".")
        other = port + 1 if in_use else _PORT + 1
        raise StartError(
            f"Port {port}: {reason}. Type: make demo PORT={other}"
        ) from error


def _say(sentence: str) -> None:
    """Print a line at once, even into a pipe."""
    sys.stdout.write(f"{sentence}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
