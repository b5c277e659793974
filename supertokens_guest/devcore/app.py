"""The dev core as an ASGI application: records requests, plays faults, answers."""

from __future__ import annotations

import asyncio
import json
from collections import deque
from contextlib import suppress
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from .answering import answer
from .call import Answer, Call
from .faults import Fault, Faults
from .routes import place_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.types import Receive, Scope, Send

    from .state import CoreState

# The server puts the connection's transport here: a dripping answer goes past HTTP.
TRANSPORT = "supertokens_guest.transport"
MAX_RECORDED = 10_000


@dataclass(frozen=True, slots=True)
class RecordedRequest:
    """What was asked of the dev core.

    Attributes:
        path: As it was sent.
        route: Without app, tenant and query, in lower case: ``/recipe/session``.
        headers: By lower-case name.
    """

    method: str
    path: str
    route: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The body as JSON.

        Raises:
            ValueError: It is not JSON.
        """
        return json.loads(self.body)


@dataclass
class DevCoreApp:
    """The application; all endpoints run on one event loop, one after the other."""

    core: CoreState
    faults: Faults = field(default_factory=Faults)
    requests: deque[RecordedRequest] = field(
        default_factory=lambda: deque(maxlen=MAX_RECORDED)
    )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one HTTP request, unless the server stops before."""
        with suppress(ClientDisconnect, asyncio.CancelledError):
            await self._answer(scope, receive, send)

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        body = await request.body()
        place = place_of(request.url.path)
        query: dict[str, str] = {}
        for name, value in parse_qsl(request.url.query, keep_blank_values=True):
            query.setdefault(name, value)
        headers = dict(request.headers)
        self.requests.append(
            RecordedRequest(
                request.method, request.url.path, place.route, query, headers, body
            )
        )
        fault = self.faults.take(request.method, place.route) or Fault()
        await asyncio.sleep(fault.wait_seconds)
        if fault.hangs_up:
            scope[TRANSPORT].abort()
            return
        answered = fault.answer or answer(
            self.core, request.method, place, Call(query, headers, body)
        )
        if fault.drip_seconds is not None:
            await _drip(answered, scope[TRANSPORT], fault.drip_seconds)
            return
        response = Response(answered.body, answered.status, answered.headers)
        await response(scope, receive, send)


async def _drip(
    answered: Answer, transport: asyncio.Transport, pause_seconds: float
) -> None:
    """Write status line, headers and body a byte at a time, and close."""
    reason = HTTPStatus(answered.status).phrase
    headers = {
        **answered.headers,
        "Content-Length": str(len(answered.body)),
        "Connection": "close",
    }
    lines = [f"HTTP/1.1 {answered.status} {reason}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    raw = "\r\n".join([*lines, "", ""]).encode("latin-1") + answered.body
    for index in range(len(raw)):
        if transport.is_closing():
            return
        transport.write(raw[index : index + 1])
        await asyncio.sleep(pause_seconds)
    transport.close()
    # The server sees the end of the connection before this application's.
    await asyncio.sleep(0.01)
