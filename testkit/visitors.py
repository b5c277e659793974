"""A visitor of an app under test: a browser without a window."""

from __future__ import annotations

import base64
import json
import re
import uuid
from typing import TYPE_CHECKING, Any

import httpx

from testkit.actions import USERS

if TYPE_CHECKING:
    from types import TracebackType

    from typing_extensions import Self

    from testkit.apps import App

PASSWORD = "correct-horse-9"  # noqa: S105 - it protects nothing


class Visitor:
    """Keeps cookies, and sends what the SDK's front end would.

    Attributes:
        http: The client below; its ``cookies`` are the browser's.
        email: The address that this visitor signs up with.
    """

    def __init__(
        self,
        app: App,
        *,
        auth_mode: str | None = "cookie",
        url: str | None = None,
    ) -> None:
        """Open a new browser.

        Args:
            app: The app to visit.
            auth_mode: The ``st-auth-mode`` header; ``None`` sends none, as clients do
                that keep their tokens themselves.
            url: Where to reach the app, if a proxy is before it.
        """
        self.email = f"{uuid.uuid4()}@example.com"
        self._prefix = app.prefix
        headers = {} if auth_mode is None else {"st-auth-mode": auth_mode}
        self.http = httpx.Client(
            base_url=url or app.url,
            headers=headers,
            timeout=20.0,
            trust_env=False,
            verify=False,  # noqa: S501 - plain HTTP; it saves loading certificates
        )

    def __enter__(self) -> Self:
        """Return the visitor."""
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc_value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close the browser."""
        self.http.close()

    @property
    def guest_cookie(self) -> str | None:
        """What the browser holds as guest cookie."""
        return self.cookie("jwt")

    def cookie(self, name: str) -> str | None:
        """Return the value of a cookie."""
        values = [item.value for item in self.http.cookies.jar if item.name == name]
        return values[0] if values else None

    def keep_cookie(self, value: str, *, name: str = "jwt") -> None:
        """Put a cookie into the browser, as if the app had set it."""
        self.http.cookies.set(name, value, domain="127.0.0.1", path="/")

    def action(self, name: str, **body: Any) -> httpx.Response:
        """Call one of the routes of ``testkit.actions``."""
        # Werkzeug's server waits for more of a body that nobody read.
        json = None if name in USERS else body
        return self.http.post(f"{self._prefix}/{name}", json=json)

    def become_guest(
        self, payload: dict[str, Any] | None = None, guest_id: str | None = None
    ) -> str:
        """Get a guest JWT from the app and keep it as cookie; return it."""
        answer = self.action("issue", payload=payload, guest_id=guest_id)
        answer.raise_for_status()
        token: str = answer.json()["token"]
        self.keep_cookie(token)
        return token

    def sign_up(self, **headers: str) -> httpx.Response:
        """Sign up with the SDK's own route."""
        return self._with_password("signup", headers)

    def sign_in(self, **headers: str) -> httpx.Response:
        """Sign in with the SDK's own route."""
        return self._with_password("signin", headers)

    def login(self, user: str | None = None, **body: Any) -> httpx.Response:
        """Log in by the app's own route, which asks for nothing."""
        return self.action("login", user=user or str(uuid.uuid4()), **body)

    def me(self) -> dict[str, Any]:
        """Return the session's payload."""
        answer = self.action("me")
        answer.raise_for_status()
        payload: dict[str, Any] = answer.json()
        return payload

    def refresh(self) -> httpx.Response:
        """Refresh the session."""
        return self.http.post("/auth/session/refresh", headers={"rid": "session"})

    def sign_out(self) -> httpx.Response:
        """Sign out with the SDK's own route."""
        return self.http.post("/auth/signout", headers={"rid": "session"})

    def _with_password(self, path: str, headers: dict[str, str]) -> httpx.Response:
        """Send the form of the emailpassword recipe."""
        fields = [
            {"id": "email", "value": self.email},
            {"id": "password", "value": PASSWORD},
        ]
        return self.http.post(
            f"/auth/{path}",
            json={"formFields": fields},
            headers={name.replace("_", "-"): value for name, value in headers.items()},
        )


def cleared(answer: httpx.Response, name: str = "jwt") -> bool:
    """Tell whether *answer* clears a cookie, as a browser would see it."""
    lines = [
        line.lower()
        for line in answer.headers.get_list("set-cookie")
        if line.startswith(f"{name}=")
    ]
    return any("max-age=0" in line for line in lines)


def set_cookies(answer: httpx.Response) -> set[str]:
    """Return the names of the cookies that *answer* sets or clears."""
    lines = answer.headers.get_list("set-cookie")
    return {line.partition("=")[0] for line in lines}


def front_payload(answer: httpx.Response) -> dict[str, Any]:
    """Return the session's payload as the front end is told of it."""
    front = json.loads(base64.b64decode(answer.headers["front-token"]))
    payload: dict[str, Any] = front["up"]
    return payload


def headers_bytes(answer: httpx.Response) -> int:
    """Return how many bytes a proxy has to hold for the headers of *answer*."""
    status_line = f"HTTP/1.1 {answer.status_code} {answer.reason_phrase}\r\n"
    lines = sum(len(name) + 2 + len(value) + 2 for name, value in answer.headers.raw)
    return len(status_line) + lines + len("\r\n")


def shape(answer: httpx.Response) -> dict[str, Any]:
    """Return what two logins have in common if nothing distinguishes them.

    Ids, times and the tokens that hold them are left out, as is the guest cookie.
    """
    payload = front_payload(answer) if "front-token" in answer.headers else {}
    return {
        "status": answer.status_code,
        "body": _NEW_EACH_TIME.sub("…", answer.text),
        "headers": sorted(
            name for name in answer.headers if name not in {"content-length", "date"}
        ),
        "cookies": sorted(
            _EXPIRES.sub("expires=…", re.sub(r"=[^;]+", "=…", line, count=1))
            for line in answer.headers.get_list("set-cookie")
            if not line.startswith("jwt=")
        ),
        "payload": sorted(payload),
    }


_NEW_EACH_TIME = re.compile(
    r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|\b1[0-9]{12}\b"
)
_EXPIRES = re.compile("expires=[^;]*", re.IGNORECASE)
