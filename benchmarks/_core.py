"""The core and the app of a benchmark, apart from each other.

The dev core runs in a process of its own, as a core does, so that it does not take the
interpreter from what is measured.
"""

from __future__ import annotations

import multiprocessing
from contextlib import contextmanager
from typing import TYPE_CHECKING

from supertokens_guest.devcore import DevCore
from testkit.core import Core

if TYPE_CHECKING:
    from collections.abc import Iterator
    from multiprocessing.connection import Connection

_START_SECONDS = 20.0
_STOP_SECONDS = 5.0


class CoreProcessError(Exception):
    """The dev core's process did not start."""


@contextmanager
def core_process() -> Iterator[Core]:
    """Yield a dev core that runs in a process of its own.

    Raises:
        CoreProcessError: It did not say where it listens.
    """
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_serve, args=(theirs,), daemon=True)
    process.start()
    theirs.close()
    try:
        if not ours.poll(_START_SECONDS):
            raise CoreProcessError("the dev core did not start")
        yield Core(url=ours.recv())
    finally:
        ours.close()  # which ends it
        process.join(_STOP_SECONDS)


def _serve(connection: Connection) -> None:
    """Serve until the other end of *connection* is gone."""
    with DevCore() as core:
        connection.send(core.url)
        connection.poll(None)
