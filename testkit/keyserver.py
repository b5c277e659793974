"""A server of key sets that misbehaves on demand, and counts who asks; and a clock."""

from __future__ import annotations

import gzip
import json
import socketserver
import threading
import time
from typing import TYPE_CHECKING, Any, Literal

import pytest

from testkit.forging import SigningKey, private_key, static_key

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from types import TracebackType

    from typing_extensions import Self

Mode = Literal["ok", "hang", "drip", "drip headers", "huge", "gzip", "raw", "hang up"]

LONG_SECONDS = 10.0
"""What no test waits for unless something hangs."""

_HUGE_BYTES = 2_000_000
_DRIP_SECONDS = 0.005


class Clock:
    """Seconds that pass when a test says so."""

    def __init__(self, now: float = 1_000.0) -> None:
        """Begin at *now*."""
        self.now = now

    def __call__(self) -> float:
        """Return the instant."""
        return self.now


class KeyServer:
    """Serves a key set on 127.0.0.1, from threads of its own.

    Attributes:
        keys: The members of the key set; replace them to rotate.
        mode: What it does instead of answering; ``"raw"`` sends ``status`` and ``body``
            as they are.
        status: The status line of the answer, without the version.
        headers: More headers of the answer.
        body: The body in mode ``"raw"``.
        hits: How many requests came.
    """

    def __init__(self, keys: Iterable[Any] = ()) -> None:
        """Bind a free port; ``with`` serves."""
        self.keys: Any = list(keys)
        self.mode: Mode = "ok"
        self.status = "200 OK"
        self.headers: dict[str, str] = {}
        self.body = b""
        self.hits = 0
        self.requests: list[bytes] = []
        self._arrived = threading.Semaphore(0)
        self._released = threading.Event()
        self._closing = threading.Event()
        self._server = _Server(("127.0.0.1", 0), self)

    @property
    def url(self) -> str:
        """The address of the key set."""
        return f"http://127.0.0.1:{self._server.server_address[1]}/jwks.json"

    def __enter__(self) -> Self:
        """Serve."""
        threading.Thread(
            target=self._server.serve_forever, args=(0.01,), daemon=True
        ).start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End at once, hung requests too."""
        self._closing.set()
        self._released.set()
        self._server.shutdown()
        self._server.server_close()

    def wait_for_hits(self, hits: int) -> None:
        """Return when as many requests as *hits* have come, since the beginning."""
        while self.hits < hits:
            if not self._arrived.acquire(timeout=LONG_SECONDS):
                raise TimeoutError(f"{self.hits} requests came, not {hits}")

    def release(self, mode: Mode = "ok") -> None:
        """Answer what hangs, and what comes, as *mode* says."""
        self.mode = mode
        self._released.set()

    def settle(self) -> None:
        """Answer what hangs and wait until no fetch of this process is under way.

        A fetch that a test leaves behind would fail, and be logged, in the next one.
        """
        self.release(self.mode if self.mode != "hang" else "ok")
        for thread in threading.enumerate():
            if thread.name in {"supertokens-guest:_fetch", "supertokens-guest:_body"}:
                thread.join(LONG_SECONDS)

    def fail(self, status: str = "500 Internal Server Error") -> None:
        """Answer with *status* from now on."""
        self.mode, self.status, self.body = "raw", status, b"no"

    def answer(self) -> bytes:
        """Return a whole answer for the mode of now."""
        headers = {"Content-Type": "application/json", **self.headers}
        body, status = json.dumps({"keys": self.keys}).encode(), "200 OK"
        if self.mode == "raw":
            body, status = self.body, self.status
        elif self.mode == "huge":
            body = body.rstrip(b"}") + b" " * _HUGE_BYTES + b"}"
        elif self.mode == "gzip":
            body = gzip.compress(body.rstrip(b"}") + b" " * _HUGE_BYTES + b"}", 1)
            headers["Content-Encoding"] = "gzip"
        headers["Content-Length"] = str(len(body))
        head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        return f"HTTP/1.1 {status}\r\n{head}Connection: close\r\n\r\n".encode() + body

    def serve(self, request: bytes, handler: _Handler) -> None:
        """Answer one request, in a thread of its own."""
        self.requests.append(request)
        self.hits += 1
        self._arrived.release()
        if self.mode == "hang":
            self._released.wait(LONG_SECONDS)
        if self.mode == "hang up" or self._closing.is_set():
            return
        answer = self.answer()
        head = answer.index(b"\r\n\r\n") + 4
        if self.mode == "drip headers":
            self._drip(answer, handler)
        elif self.mode == "drip":
            handler.wfile.write(answer[:head])
            self._drip(answer[head:], handler)
        else:
            handler.wfile.write(answer)

    def _drip(self, data: bytes, handler: _Handler) -> None:
        """Send a byte at a time."""
        for byte in data:
            if self._closing.is_set():
                return
            handler.wfile.write(bytes([byte]))
            time.sleep(_DRIP_SECONDS)


class _Server(socketserver.ThreadingTCPServer):
    """One thread for each request."""

    daemon_threads = True
    block_on_close = False
    request_queue_size = 256

    def __init__(self, address: tuple[str, int], owner: KeyServer) -> None:
        super().__init__(address, _Handler)
        self.owner = owner


class _Handler(socketserver.StreamRequestHandler):
    """Reads the head of a request and lets the key server answer."""

    disable_nagle_algorithm = True
    server: _Server

    def handle(self) -> None:
        lines = []
        while (line := self.rfile.readline()) not in {b"\r\n", b""}:
            lines.append(line)
        try:
            self.server.owner.serve(b"".join(lines), self)
        except OSError:
            return  # who asked has hung up


@pytest.fixture
def key_server() -> Iterator[KeyServer]:
    """Yield a server of a core's key set: a dynamic key and the first static one."""
    dynamic = SigningKey("d-1690000000000", private_key(3)).jwk
    with KeyServer([dynamic, static_key(1).jwk]) as server:
        yield server
        server.settle()
