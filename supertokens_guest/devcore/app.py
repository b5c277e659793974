"""The dev core as an ASGI application: records requests, plays faults, answers."""

from __future__ import annotations

import asyncio
from collections import deque
from contextlib import suppress
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from . import (  # noqa: F401 -- each registers its rules
    emailpassword,
    emailverification,
    jwt,
    multitenancy,
    passwordless,
    session,
    thirdparty,
    totp,
    usermetadata,
    userroles,
    users,
)
from .faults import Fault
from .routing import RecordedRequest, answer, split_path

if TYPE_CHECKING:
    from starlette.types import Receive, Scope, Send

    from .answers import Answer
    from .storage import Core

# The server puts the connection's transport here: a dripping answer goes past HTTP.
TRANSPORT = "supertokens_guest.transport"
MAX_RECORDED = 10_000


@dataclass
class DevCoreApp:
    """The application; all rules run on one event loop, one after the other.

    Attributes:
        faults: In force; a request gets the oldest that meets it.
    """

    core: Core
    faults: list[Fault] = field(default_factory=list)
    requests: deque[RecordedRequest] = field(
        default_factory=lambda: deque(maxlen=MAX_RECORDED)
    )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one HTTP request, unless the server stops before."""
        with suppress(ClientDisconnect, asyncio.CancelledError):
            await self._answer(scope, receive, send)

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = await _recorded(Request(scope, receive))
        self.requests.append(request)
        fault = next((fault for fault in self.faults if fault.meets(request)), Fault())
        if fault.times is not None:
            fault.times -= 1
        await asyncio.sleep(fault.wait_seconds)
        if fault.hangs_up:
            scope[TRANSPORT].abort()
            return
        answered = fault.answer or answer(self.core, request)
        if fault.drip_seconds is not None:
            await _drip(answered, scope[TRANSPORT], fault.drip_seconds)
            return
        response = Response(answered.body, answered.status, answered.headers)
        await response(scope, receive, send)


async def _recorded(request: Request) -> RecordedRequest:
    app_id, tenant_id, route = split_path(request.url.path)
    return RecordedRequest(
        method=request.method,
        path=request.url.path,
        route=route,
        app_id=app_id,
        tenant_id=tenant_id,
        # Of several values the first one counts.
        query=dict(parse_qsl(request.url.query, keep_blank_values=True)[::-1]),
        headers=dict(request.headers),
        body=await request.body(),
    )


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
