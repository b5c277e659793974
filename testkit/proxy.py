"""A core with faults: a proxy before any core, which a test has misbehave.

It works on bytes, so that it can do what no framework would: hang, drip, hang up.
"""

from __future__ import annotations

import asyncio
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from testkit.core import Core

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import TracebackType

    from typing_extensions import Self

KEYS_PATH = "/.well-known/jwks.json"
"""Where a core publishes its keys."""

_REDIRECT = b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:9/\r\n"


def answer_with(status: int, body: bytes, content_type: str = "text/html") -> bytes:
    """Return an HTTP response as bytes."""
    head = (
        f"HTTP/1.1 {status} Fault\r\nContent-Type: {content_type}\r\n"
        f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    )
    return head.encode() + body


FAULTY_ANSWERS = {
    "bad gateway": answer_with(502, b"<h1>502 Bad Gateway</h1>"),
    "error": answer_with(500, b"java.lang.OutOfMemoryError"),
    "no keys": answer_with(200, b'{"keys": []}', "application/json"),
    "no such page": answer_with(404, b"Not found"),
    "not a key set": answer_with(200, b"[1, 2]", "application/json"),
    "not HTTP": b"SSH-2.0-OpenSSH_9.2\r\n",
    "page": answer_with(200, b"<!doctype html><title>Sign in to the Wi-Fi</title>"),
    "redirect": _REDIRECT + b"Content-Length: 0\r\nConnection: close\r\n\r\n",
    "too many requests": answer_with(429, b"slow down"),
    "too much": answer_with(200, b" " * 200_000, "application/json"),
    "truncated": answer_with(200, b'{"keys": [{"kty": "RSA"', "application/json"),
    "wrong keys": answer_with(
        200,
        b'{"keys": [{"kty": "EC", "kid": "s-1", "alg": "ES256"}]}',
        "application/json",
    ),
}
"""What may come instead of a core's keys, by name."""


@dataclass(eq=False)
class Fault:
    """One fault, as long as it lasts.

    Attributes:
        method: For which method.
        path: For which path; a tenant before it does not count.
        answer: What is sent instead; nothing closes the connection.
        times: For how many requests; ``None`` for all.
        met: Set once a request has met it.
        drip_seconds: Time before each byte of the answer.
        released: Where requests wait first, if they shall.
    """

    method: str
    path: str
    answer: bytes | None = b""
    times: int | None = None
    drip_seconds: float = 0.0
    met: threading.Event = field(default_factory=threading.Event)
    released: asyncio.Event | None = None


class FaultyCore:
    """A core behind a proxy; answers as the core does until it is told otherwise.

    Attributes:
        core: Where the proxy answers; give it to the app.
        asked: Method and path of each request, oldest first.
    """

    def __init__(self, behind: Core) -> None:
        """Stand before *behind*."""
        self._behind = behind
        address = urlsplit(behind.url)
        self._target = (address.hostname or "", address.port or 80)
        self._faults: list[Fault] = []
        self._loop = asyncio.new_event_loop()
        self._tasks: set[asyncio.Task[None]] = set()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._end = asyncio.Event()
        self.core = behind
        self.asked: list[tuple[str, str]] = []

    def __enter__(self) -> Self:
        """Listen."""
        self._thread.start()
        self._ready.wait()
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc_value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close the port and all connections."""
        self._loop.call_soon_threadsafe(self._end.set)
        self._thread.join()

    @property
    def key_requests(self) -> int:
        """How often somebody asked for the keys."""
        return self.asked.count(("GET", KEYS_PATH))

    def fail(
        self,
        answer: bytes | None,
        *,
        method: str = "GET",
        path: str = KEYS_PATH,
        times: int | None = None,
        drip_seconds: float = 0.0,
    ) -> Fault:
        """Answer some requests, by default those for the keys, with *answer* instead.

        ``None`` closes the connection without one.
        """
        return self._add(
            Fault(method, path, answer, times=times, drip_seconds=drip_seconds)
        )

    def hold(self, *, method: str = "GET", path: str = KEYS_PATH) -> Fault:
        """Let some requests wait until ``heal``, and then answer them as the core."""
        return self._add(Fault(method, path, released=asyncio.Event()))

    def heal(self, fault: Fault | None = None) -> None:
        """End one fault, or all, and let go those who wait."""
        for ended in [fault] if fault is not None else list(self._faults):
            self._faults.remove(ended)
            if ended.released is not None:
                self._loop.call_soon_threadsafe(ended.released.set)

    def _add(self, fault: Fault) -> Fault:
        self._faults.append(fault)
        return fault

    def _run(self) -> None:
        try:
            self._loop.run_until_complete(self._serve())
        finally:
            self._loop.close()

    async def _serve(self) -> None:
        server = await asyncio.start_server(self._connected, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        self.core = Core(url=f"http://127.0.0.1:{port}", api_key=self._behind.api_key)
        self._ready.set()
        await self._end.wait()
        server.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _connected(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        task = asyncio.current_task()
        if task is not None:
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        try:
            await self._one_request(reader, writer)
        except (OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass  # whoever asked has gone, or the test has ended
        finally:
            writer.close()

    async def _one_request(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        lines = head.decode("latin-1").split("\r\n")[:-2]
        method, target, _ = lines[0].split(" ")
        self.asked.append((method, target.partition("?")[0]))
        length = _content_length(lines[1:])
        body = await reader.readexactly(length)
        fault = self._fault_for(method, target.partition("?")[0])
        if fault is not None:
            fault.met.set()
            if fault.released is None:
                await _send(writer, fault)
                return
            await fault.released.wait()
        await self._forward(lines, body, writer)

    def _fault_for(self, method: str, path: str) -> Fault | None:
        for fault in list(self._faults):
            if fault.times == 0 or fault.method != method:
                continue
            if path in {fault.path, f"/public{fault.path}"}:
                if fault.times is not None:
                    fault.times -= 1
                return fault
        return None

    async def _forward(
        self, lines: Sequence[str], body: bytes, writer: asyncio.StreamWriter
    ) -> None:
        kept = [line for line in lines if not line.lower().startswith("connection:")]
        head = "\r\n".join([*kept, "Connection: close", "", ""])
        answer, request = await asyncio.open_connection(*self._target)
        try:
            request.write(head.encode("latin-1") + body)
            while data := await answer.read(65_536):
                writer.write(data)
            await writer.drain()
        finally:
            request.close()


def _content_length(lines: Sequence[str]) -> int:
    """Return how long the body is that follows these headers."""
    for line in lines:
        name, _, value = line.partition(":")
        if name.lower() == "content-length":
            return int(value)
    return 0


async def _send(writer: asyncio.StreamWriter, fault: Fault) -> None:
    """Send the fault's answer, byte by byte if it shall drip."""
    if fault.answer is None:
        writer.transport.abort()
        return
    if not fault.drip_seconds:
        writer.write(fault.answer)
    else:
        for byte in fault.answer:
            await asyncio.sleep(fault.drip_seconds)
            writer.write(bytes([byte]))
            await writer.drain()
    await writer.drain()
