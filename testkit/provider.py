"""A provider for the third-party recipe: OAuth 2.0 by code, on loopback."""

from __future__ import annotations

import base64
import hashlib
import secrets
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, urlencode

from starlette.applications import Starlette
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route
from supertokens_python.recipe.thirdparty.provider import (
    ProviderClientConfig,
    ProviderConfig,
    ProviderInput,
)

from testkit.serving import serving_asgi

if TYPE_CHECKING:
    from collections.abc import Iterator

    from starlette.requests import Request

THIRD_PARTY_ID = "loopback"
CALLBACK = "http://127.0.0.1:3000/auth/callback/loopback"
"""Where the front end would wait for the code; nothing listens there."""

_CLIENT_ID = "shop"
_CLIENT_SECRET = secrets.token_urlsafe()


@dataclass
class Provider:
    """Logs in whoever says who they are, and says that it checked no address.

    It refuses what a real one refuses: a wrong client, a code that was used or made for
    another redirect, a wrong verifier (RFC 6749 section 4.1.3, RFC 7636 section 4.6).

    Attributes:
        url: Its address.
    """

    url: str = ""
    _codes: dict[str, dict[str, str]] = field(default_factory=dict)
    _emails: dict[str, str] = field(default_factory=dict)

    def config(self) -> ProviderInput:
        """Return what ``thirdparty.init`` needs to know of it."""
        client = ProviderClientConfig(
            client_id=_CLIENT_ID,
            client_secret=_CLIENT_SECRET,
            scope=["email"],
            force_pkce=True,
        )
        config = ProviderConfig(
            third_party_id=THIRD_PARTY_ID,
            clients=[client],
            authorization_endpoint=f"{self.url}/authorize",
            token_endpoint=f"{self.url}/token",
            user_info_endpoint=f"{self.url}/userinfo",
        )
        return ProviderInput(config=config)

    async def authorize(self, request: Request) -> Response:
        """Send the browser back with a code for the person of ``login_hint``."""
        query = dict(request.query_params)
        if (query["client_id"], query["response_type"]) != (_CLIENT_ID, "code"):
            return _refused("unauthorized_client")
        code = secrets.token_urlsafe()
        self._codes[code] = query
        back = urlencode({"code": code, "state": query.get("state", "")})
        return RedirectResponse(f"{query['redirect_uri']}?{back}", status_code=302)

    async def token(self, request: Request) -> Response:
        """Give an access token for a code, once."""
        form = dict(parse_qsl((await request.body()).decode()))
        if (form["client_id"], form["client_secret"]) != (_CLIENT_ID, _CLIENT_SECRET):
            return _refused("invalid_client")
        asked = self._codes.pop(form["code"], {})
        wanted = (asked.get("redirect_uri"), asked.get("code_challenge"))
        if wanted != (form["redirect_uri"], _challenge(form["code_verifier"])):
            return _refused("invalid_grant")
        access_token = secrets.token_urlsafe()
        self._emails[access_token] = asked["login_hint"]
        return JSONResponse({"access_token": access_token, "token_type": "Bearer"})

    async def user_info(self, request: Request) -> Response:
        """Tell who the access token is for."""
        _, _, access_token = request.headers["authorization"].partition("Bearer ")
        email = self._emails.get(access_token)
        if email is None:
            return _refused("invalid_token")
        claims = {"sub": f"loopback-{email}", "email": email, "email_verified": False}
        return JSONResponse(claims)


def _refused(error: str) -> Response:
    """Return an error as OAuth has it (RFC 6749 section 5.2)."""
    return JSONResponse({"error": error}, status_code=400)


def _challenge(verifier: str) -> str:
    """Return the ``S256`` challenge of a verifier (RFC 7636 section 4.2)."""
    digest = hashlib.sha256(verifier.encode()).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


@contextmanager
def running_provider() -> Iterator[Provider]:
    """Serve a provider on a free port of 127.0.0.1."""
    provider = Provider()
    routes = [
        Route("/authorize", provider.authorize),
        Route("/token", provider.token, methods=["POST"]),
        Route("/userinfo", provider.user_info),
    ]
    with serving_asgi(Starlette(routes=routes)) as provider.url:
        yield provider
