"""Servers for apps under test: real ones, on a free port of 127.0.0.1, in a thread."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import uvicorn
from werkzeug.serving import WSGIRequestHandler, make_server

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_START_SECONDS = 10.0
_STOP_SECONDS = 20.0


@contextmanager
def serving_asgi(app: Any) -> Iterator[str]:
    """Serve an ASGI app with uvicorn; yields its address."""
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.bind(("127.0.0.1", 0))
    config = uvicorn.Config(
        app,
        lifespan="off",
        ws="none",
        log_config=None,
        access_log=False,
        timeout_graceful_shutdown=5,  # a request that never ends must not hang the run
    )
    server = _Server(config)
    thread = threading.Thread(
        target=server.run, kwargs={"sockets": [listener]}, daemon=True
    )
    thread.start()
    try:
        _wait_until(lambda: server.started, thread)
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(_STOP_SECONDS)
        listener.close()


@contextmanager
def serving_wsgi(app: Any) -> Iterator[str]:
    """Serve a WSGI app with Werkzeug, one request at a time; yields its address."""
    server = make_server("127.0.0.1", 0, app, request_handler=_QuietHandler)
    thread = threading.Thread(target=_serve, args=(server.serve_forever,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class _Server(uvicorn.Server):
    """Notices sooner that it shall end."""

    async def main_loop(self) -> None:
        """Wait for the end."""
        await self.on_tick(0)  # writes the ``Date`` that responses carry
        while not self.should_exit:  # noqa: ASYNC110 - set from another thread
            await asyncio.sleep(0.01)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End as soon as no request is being answered; connections may be open.

        Uvicorn's own lets a tenth of a second pass first, in each of many tests.
        """
        for server in self.servers:
            server.close()
        for listener in sockets or []:
            listener.close()
        for connection in list(self.server_state.connections):
            connection.transport.abort()
        await asyncio.sleep(0)  # for the requests to hear of it
        if self.server_state.tasks:
            seconds = self.config.timeout_graceful_shutdown
            _, late = await asyncio.wait(self.server_state.tasks, timeout=seconds)
            for task in late:
                task.cancel()


class _QuietHandler(WSGIRequestHandler):
    """Logs no requests."""

    def log(self, *_: Any) -> None:
        """Say nothing."""


def _serve(serve_forever: Callable[..., None]) -> None:
    """Serve on a thread with the event loop that the SDK's sync functions will use.

    They would make one themselves and leave it open.
    """
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    try:
        serve_forever(poll_interval=0.01)
    finally:
        asyncio.set_event_loop(None)
        loop.close()


def _wait_until(is_ready: Callable[[], bool], thread: threading.Thread) -> None:
    """Wait for a server's start."""
    give_up_at = time.monotonic() + _START_SECONDS
    while not is_ready():
        if not thread.is_alive() or time.monotonic() > give_up_at:
            raise RuntimeError("the server under test did not start")
        time.sleep(0.002)
