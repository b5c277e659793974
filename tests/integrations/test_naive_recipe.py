"""Why it must be a library: what goes wrong with the recipe written by hand.

Each point of the design has the naive override failing, on the same core and through
the same SDK, and ours not.
"""

from __future__ import annotations

import asyncio
import json
import socket
import subprocess
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from supertokens_python.recipe import userroles

from supertokens_guest import GuestConfig, PayloadError
from supertokens_guest.syncio import create_guest_jwt
from testkit.naive import naive_override
from testkit.proxy import FaultyCore
from testkit.sdk import guest_jwt
from testkit.visitors import PASSWORD, front_payload

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from testkit.core import Core
    from testkit.fixtures import Serve, Visit

CART = {"cart": ["sku-1"]}


def test_1_merging_a_jwt_whole(serve: Serve, visit: Visit, core: Core) -> None:
    """``iat`` and ``exp`` fail the sign-up, and the user's row stays behind."""
    app = serve(functions=naive_override(core, without=()))
    visitor, again = visit(app), visit(app)
    again.email = visitor.email
    visitor.keep_cookie(core.sign({"sub": "G-1", **CART}))

    assert 500 == visitor.sign_up().status_code
    answer = again.sign_up()

    assert "FIELD_ERROR" == answer.json()["status"]
    assert "email already exists" in answer.text

    ours = visit(serve())
    ours.become_guest(CART, "G-1")

    assert "OK" == ours.sign_up().json()["status"]
    assert {"sub": "G-1", **CART} == ours.me()["guest"]


@pytest.mark.parametrize(
    "claim", [{"aud": "shop"}, {"nbf": 4_000_000_000}, {"jti": 7}, {"stt": 1}]
)
def test_2_claims_that_poison_a_session(
    serve: Serve, visit: Visit, core: Core, claim: dict[str, Any]
) -> None:
    """The login succeeds, and then every request but the refresh answers 401."""
    naive = visit(serve(functions=naive_override(core)))
    naive.keep_cookie(core.sign({"sub": "G-1", **claim}))
    assert "OK" == naive.sign_up().json()["status"]

    for _ in range(2):
        assert 401 == naive.action("me").status_code
        assert 200 == naive.refresh().status_code

    ours = visit(serve(GuestConfig(namespace=None)))
    with pytest.raises(PayloadError):
        create_guest_jwt(claim)
    ours.keep_cookie(guest_jwt(core, payload=claim))
    assert "OK" == ours.sign_up().json()["status"]
    assert 200 == ours.action("me").status_code


def test_3_claims_that_grant(serve: Serve, visit: Visit, core: Core) -> None:
    """A guest's ``st-role`` and ``isAdmin`` become the user's own."""
    now = int(time.time() * 1_000)
    granted = {"st-role": {"v": ["admin"], "t": now}, "isAdmin": True}
    recipes = [userroles.init()]
    naive = visit(serve(functions=naive_override(core), recipes=recipes))
    naive.keep_cookie(core.sign({"sub": "G-1", **granted}))

    naive.sign_up()

    payload = naive.me()
    assert granted == {name: payload[name] for name in granted}

    ours = visit(serve(recipes=[userroles.init()]))
    ours.keep_cookie(guest_jwt(core, payload=granted))
    ours.sign_up()

    payload = ours.me()
    assert [] == payload["st-role"]["v"]
    assert "isAdmin" not in payload
    assert {"sub": "G-1", "isAdmin": True} == payload["guest"]


@pytest.mark.parametrize("dynamic", [True, False])
def test_4_a_jwt_that_is_a_session(
    serve: Serve, visit: Visit, core: Core, dynamic: bool
) -> None:
    """Whoever chooses the names in a payload can be anybody."""
    app = serve(session={"use_dynamic_access_token_signing_key": dynamic})
    visitor = visit(app, auth_mode=None)
    forged = {"sub": "victim", "sessionHandle": "h", "refreshTokenHash1": "r"}
    token = core.sign({"tId": "public", "rsub": "victim", **forged}, static=not dynamic)

    answer = visitor.http.post("/app/me", headers={"authorization": f"Bearer {token}"})

    assert (200, "victim") == (answer.status_code, answer.json()["sub"])

    for name, value in forged.items():
        with pytest.raises(PayloadError):
            create_guest_jwt({name: value})
    bearer = {"authorization": f"Bearer {guest_jwt(core, payload=forged, sub='G-1')}"}
    assert 401 == visitor.http.post("/app/me", headers=bearer).status_code


def test_5_any_other_jwt(serve: Serve, visit: Visit, core: Core) -> None:
    """A session token of somebody else, put into the cookie, is taken for a guest."""
    app = serve(functions=naive_override(core))
    victim, thief = visit(app, auth_mode=None), visit(app)
    login = victim.login(payload={"plan": "gold"})
    thief.keep_cookie(login.headers["st-access-token"])

    thief.sign_up()

    assert "gold" == thief.me()["plan"]

    app = serve(GuestConfig(namespace=None))
    victim, thief = visit(app, auth_mode=None), visit(app)
    login = victim.login(payload={"plan": "gold"})
    thief.keep_cookie(login.headers["st-access-token"])
    thief.sign_up()

    assert "plan" not in thief.me()


@contextmanager
def running_nginx(program: str, directory: Path, behind: str) -> Iterator[str]:
    """Run nginx with default buffers before an app; yields its address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    temporary = "".join(
        f"{kind}_temp_path {directory}/{kind};\n"
        for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    configuration = directory / "nginx.conf"
    configuration.write_text(f"""
daemon off;
master_process off;
pid {directory}/pid;
error_log {directory}/error.log;
events {{}}
http {{
{temporary}
access_log off;
server {{
    listen 127.0.0.1:{port};
    location / {{ proxy_pass {behind}; }}
}}
}}
""")
    arguments = [program, "-p", str(directory), "-c", str(configuration)]
    process = subprocess.Popen(arguments, stderr=subprocess.DEVNULL)
    try:
        give_up_at = time.monotonic() + 10
        while time.monotonic() < give_up_at:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.01)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait()


def test_6_headers_that_do_not_fit(
    serve: Serve, visit: Visit, core: Core, nginx: str, tmp_path: Path
) -> None:
    """Behind nginx 700 bytes answer 502, and the user's row stays; ours always fits."""
    app = serve(functions=naive_override(core))
    with running_nginx(nginx, tmp_path, app.url) as url:
        naive = visit(app, url=url)
        naive.keep_cookie(core.sign({"x": "a" * 700}))

        assert 502 == naive.sign_up().status_code
        naive.http.cookies.clear()
        assert "email already exists" in naive.sign_up().text

    app = serve()
    with running_nginx(nginx, tmp_path, app.url) as url:
        ours = visit(app, url=url)
        largest = {"x": "a" * (1_536 - len('{"x":""}'))}
        ours.become_guest(largest, "G-1")

        assert 200 == ours.sign_up().status_code
        assert 200 == ours.refresh().status_code
        assert {"data": {"sub": "G-1", **largest}} == ours.action("taken").json()


def test_6_nesting(serve: Serve, visit: Visit, core: Core) -> None:
    """A payload that is nested 253 deep fails the sign-up; ours goes on without it."""
    deep: Any = []
    for _ in range(252):
        deep = [deep]
    naive = visit(serve(functions=naive_override(core)))
    naive.keep_cookie(core.sign({"deep": deep}))
    assert naive.sign_up().status_code in {500, 200}  # a dev core takes any depth

    ours = visit(serve())
    ours.keep_cookie(guest_jwt(core, payload={"deep": deep}))

    assert "OK" == ours.sign_up().json()["status"]


def test_7_keys_fetched_on_the_loop(serve: Serve, visit: Visit, core: Core) -> None:
    """While the naive recipe fetches keys, the app answers nobody; ours everybody."""
    with FaultyCore(core) as faulty, ThreadPoolExecutor() as pool:
        for functions, is_blocked in (
            (naive_override(faulty.core), True),
            (None, False),
        ):
            app = serve(functions=functions, core=faulty.core)
            guest, other = visit(app), visit(app)
            guest.keep_cookie(guest_jwt(core))
            held = faulty.hold()
            login = pool.submit(guest.login)
            assert held.met.wait(10)

            try:
                answer = other.http.get("/nowhere", timeout=0.3 if is_blocked else 10)
                answered = answer.status_code == 404
            except httpx.ReadTimeout:
                answered = False
            faulty.heal()

            assert is_blocked != answered
            assert 200 == login.result().status_code


def test_7_clients_made_on_the_loop(serve: Serve, core: Core) -> None:
    """The SDK makes an HTTP client on the caller's thread; ours on one of its own."""
    from supertokens_python.recipe.session.asyncio import create_jwt

    from supertokens_guest.asyncio import create_guest_jwt as create

    threads: list[int] = []

    def interceptor(*request: Any) -> tuple[Any, ...]:
        threads.append(threading.get_ident())
        return request[:5]

    serve(network_interceptor=interceptor)

    async def both() -> None:
        await create_jwt({"sub": "G-1"}, use_static_signing_key=True)
        await create(CART)

    asyncio.run(both())

    caller = threading.get_ident()
    *_, sdk, ours = threads
    assert (True, False) == (sdk == caller, ours == caller)


def test_8_a_login_by_another_site(serve: Serve, visit: Visit, core: Core) -> None:
    """Another site's page signs the visitor in as itself, and reads the guest there."""

    def collected(functions: Any) -> bool:
        app = serve(functions=functions)
        attacker, victim = visit(app), visit(app, auth_mode=None)
        attacker.sign_up()
        victim.keep_cookie(guest_jwt(core, payload=CART))
        fields = [
            {"id": "email", "value": attacker.email},
            {"id": "password", "value": PASSWORD},
        ]
        answer = victim.http.post(
            "/auth/signin",
            content=json.dumps({"formFields": fields}),
            headers={"origin": "https://evil.example", "content-type": "text/plain"},
        )
        assert "OK" == answer.json()["status"]
        return "sku-1" in json.dumps(front_payload(answer))

    assert collected(naive_override(core))
    assert not collected(None)
