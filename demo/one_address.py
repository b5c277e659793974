"""Keeps the shop at one address."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from starlette.datastructures import URL, Headers
from starlette.responses import RedirectResponse

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send


class OneAddress:
    """ASGI middleware that sends requests for any other host to the shop's address.

    ``localhost`` and ``127.0.0.1`` are the same machine, but a browser keeps cookies
    for each: under the other name a visitor would be somebody else. It also means that
    no other name can be pointed at this machine to read the shop (DNS rebinding).

    Attributes:
        app: The app behind it.
        address: Such as ``http://127.0.0.1:8000``.
    """

    def __init__(self, app: ASGIApp, address: str) -> None:
        """Stand in front of *app*."""
        self.app = app
        self.address = address
        self._host = urlsplit(address).netloc

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or redirect it."""
        if scope["type"] != "http" or Headers(scope=scope).get("host") == self._host:
            await self.app(scope, receive, send)
            return
        path = URL(scope=scope).path
        # 307 keeps the method: a POST does not become a GET.
        await RedirectResponse(self.address + path, 307)(scope, receive, send)
