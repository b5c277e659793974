"""A plain hook in Django works with the database as a view does."""

from __future__ import annotations

import sys
import uuid
from typing import TYPE_CHECKING, Any

import pytest

from testkit.apps import App
from testkit.core import ADDRESS, API_KEY
from testkit.sdk import guest_jwt
from testkit.servers import serving
from testkit.visitors import Visitor, cleared

if TYPE_CHECKING:
    from pathlib import Path

    import httpx

    from testkit.core import Core

SERVERS = {
    "wsgi": (sys.executable, "-m", "testkit.served.by_werkzeug", "{fd}", "{app}"),
    "asgi": (
        sys.executable,
        "-m",
        "uvicorn",
        "--fd",
        "{fd}",
        "--no-access-log",
        "{app}",
    ),
}


@pytest.mark.parametrize("kind", SERVERS)
def test_hook_and_database(core: Core, kind: str, tmp_path: Path) -> None:
    """It sees what the login wrote, in the request's thread and connection.

    And the database is never locked, and nothing of it stays open.
    """
    file = tmp_path / "shop.sqlite3"
    name = "asgi_app" if kind == "asgi" else "app"
    environment = {ADDRESS: core.url, "PROFILES_FILE": str(file)}
    if core.api_key is not None:
        environment[API_KEY] = core.api_key
    if kind == "asgi":
        environment["PROFILES_ASGI"] = "yes"
    command = SERVERS[kind]
    with serving(command, f"testkit.served.profiles:{name}", **environment) as url:
        app = App(url=url, prefix="/app", is_async=False, core=core, native=None)

        assert cleared(_login(app, "G-1"))
        failed = _login(app, "G-2", fails=True)
        assert 500 == failed.status_code
        assert not cleared(failed)
        with Visitor(app) as visitor:
            visitor.keep_cookie(guest_jwt(core, "G-3", {"cart": [1]}))
            assert cleared(visitor.sign_up())
            report = _report(visitor)

    # The hook of the login that failed did not run; the SDK's own route has no profile.
    assert [
        {"same_place": True, "profile": True},
        {"same_place": True, "profile": False},
    ] == report["hooks"]
    assert [["transfer", None], ["transfer", None]] == report["events"]
    assert 0 == report["open"]


def _report(visitor: Visitor) -> dict[str, Any]:
    """Return what was seen; a request closes its connection after its answer."""
    report: dict[str, Any] = {}
    for _ in range(100):
        report = visitor.http.get("/app/report").json()
        if not report["open"]:
            break
    return report


def _login(app: App, guest_id: str, **body: Any) -> httpx.Response:
    with Visitor(app) as visitor:
        visitor.keep_cookie(guest_jwt(app.core, guest_id, {"cart": [1]}))
        return visitor.login(str(uuid.uuid4()), **body)
