"""What the dev core needs of sockets and of uvicorn beyond their defaults."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from typing import TYPE_CHECKING

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from .app import TRANSPORT

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send


class DevCoreError(Exception):
    """The dev core cannot be set up or started as asked; the message says why."""


class _Protocol(H11Protocol):
    """Shows each connection's transport to the application and logs no requests."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # uvicorn names asyncio's class
        super().connection_made(transport)
        self.access_log = False
        app = self.app

        async def with_transport(scope: Scope, receive: Receive, send: Send) -> None:
            await app({**scope, TRANSPORT: transport}, receive, send)

        self.app = with_transport


class Server(uvicorn.Server):
    """Ends at once: nobody waits for a slow answer of a core that was stopped."""

    def __init__(self, app: ASGIApp) -> None:
        """Serve *app*, and leave the process's logging alone."""
        super().__init__(
            uvicorn.Config(
                app,
                http=_Protocol,
                ws="none",
                loop="asyncio",
                lifespan="off",
                interface="asgi3",
                log_config=None,
                proxy_headers=False,
                server_header=False,
            )
        )

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Close the listening sockets and all connections."""
        for server in self.servers:
            server.close()
        for listener in sockets or []:
            listener.close()
        for connection in list(self.server_state.connections):
            connection.transport.abort()
        await asyncio.sleep(0)


def resolve(host: str, *, allow_remote: bool) -> str:
    """Return the address of *host*: an address already, or ``localhost``.

    Raises:
        DevCoreError: It is neither, or it is no loopback address and need not be.
    """
    address = "127.0.0.1" if host == "localhost" else host
    try:
        is_loopback = ipaddress.ip_address(address).is_loopback
    except ValueError as error:
        raise DevCoreError(f"unknown host {host!r}: give its IP address") from error
    if not (allow_remote or is_loopback):
        raise DevCoreError(
            f"{host} is not a loopback address; the dev core is no server for others "
            "(allow_remote=True, or --allow-remote, if you mean it)"
        )
    return address


def listen(address: str, port: int) -> socket.socket:
    """Return a listening socket.

    Raises:
        DevCoreError: The port is in use or may not be had.
    """
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    # The protocol is named: asyncio sets TCP_NODELAY only then, and without it each
    # call on a kept connection takes 40 ms.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((address, port))
        listener.listen(1024)
    except OSError as error:
        listener.close()
        message = f"cannot listen on {address} port {port}: {error.strerror}"
        raise DevCoreError(message) from error
    return listener
