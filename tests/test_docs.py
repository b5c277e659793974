"""The documentation is true: blocks run, apps serve, links lead somewhere."""

from __future__ import annotations

import ast
import base64
import json
import os
import re
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from importlib import import_module
from typing import TYPE_CHECKING, Any
from unittest.mock import patch
from uuid import uuid4

import httpx
import pytest
from starlette.applications import Starlette
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import Response
from starlette.routing import Route
from supertokens_python.recipe import session

import supertokens_guest.asyncio as asyncio_names
import supertokens_guest.syncio as syncio_names
from supertokens_guest import PayloadTooLargeError
from supertokens_guest.syncio import create_guest_jwt
from testkit import docs
from testkit.core import Core
from testkit.docs import API, CORE, PAGES, ROOT, blocks
from testkit.sdk import reset_sdk
from testkit.serving import serving_asgi, serving_wsgi

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager
    from pathlib import Path

    from starlette.requests import Request

    from testkit.apps import Told
    from testkit.fixtures import Serve, Visit

README = ROOT / "README.md"
PYTHON_PAGES = [page for page in PAGES if blocks(page, "python")]
# Whose files are an app, or a test suite, and are run as such.
APPS = {"README.md", "start-fastapi.md", "start-flask.md", "start-django.md"}
ELSEWHERE = APPS | {"testing.md"}


def as_installed(text: str) -> str:
    """Return code as the pages say that it reads on the SDK that is installed."""
    if hasattr(session, "SessionOverrideConfig"):
        return text
    return text.replace("SessionOverrideConfig", "InputOverrideConfig")


def runs_on_this_sdk(text: str) -> bool:
    """Tell whether the SDK has what a block is about: plugins came with 0.31."""
    return hasattr(session, "SessionOverrideConfig") or "guest_plugin" not in text


@pytest.fixture
def core(core: Core) -> Iterator[Core]:
    """A core whose address the pages read from the environment, which they change."""
    with patch.dict(os.environ, CORE=core.url):
        yield core
    reset_sdk()


@pytest.fixture
def environment(core: Core) -> dict[str, str]:
    """What a page's commands run with: this package and a core."""
    return {**os.environ, "PYTHONPATH": str(ROOT)}


def take_a_cart_to_a_user(address: str) -> None:
    """Be a guest, sign up, and find what the guest had, and no guest any more."""
    with httpx.Client(base_url=address, trust_env=False, timeout=30) as visitor:
        visitor.headers["st-auth-mode"] = "cookie"
        for sku in ("sku-1", "sku-2"):
            answer = visitor.post(f"/cart/{sku}")
            for _ in range(20):  # a busy machine may not sign within a second
                if answer.status_code == 503:
                    answer = visitor.post(f"/cart/{sku}")
            assert 200 == answer.status_code, answer.text
        assert "jwt" in visitor.cookies

        signed_up = visitor.post("/auth/signup", json=sign_up_form())

        assert "OK" == signed_up.json()["status"]
        assert "jwt" not in visitor.cookies
        answer = visitor.post("/cart/sku-3")
        cart = answer.json()
        cart = cart["cart"] if isinstance(cart, dict) else cart
        assert ["sku-1", "sku-2", "sku-3"] == cart


def sign_up_form() -> dict[str, Any]:
    """Return what the front end sends."""
    fields = {"email": f"{uuid4()}@example.com", "password": "passw0rd1"}
    return {"formFields": [{"id": k, "value": v} for k, v in fields.items()]}


# The README


def test_the_readme_is_short() -> None:
    """It is read once: a page of at most 200 lines, an app of at most 40."""
    app = blocks(README, "python")[0].text

    assert len(README.read_text(encoding="utf-8").splitlines()) <= 200
    assert len(app.splitlines()) <= 40


def test_a_route_of_the_readme_takes_six_lines() -> None:
    """In each framework, with decorators, for guests and users alike."""
    routes = [
        block[block.index(start) :].strip().splitlines()
        for block in (block.text for block in blocks(README, "python"))
        for start in ("@app.post", "@verify_visitor()\ndef")
        if start in block and (start != "@verify_visitor()\ndef" or "@app" not in block)
    ]

    assert [6, 6, 6] == [len(route) for route in routes]


@pytest.mark.skipif(not shutil.which("make"), reason="no make here")
def test_the_commands_of_the_readme_exist() -> None:
    """Make knows each of them."""
    commands = [words for words in docs.commands(README) if words[0] == "make"]

    assert [["make", "demo"], ["make", "test"]] == commands
    for command in commands:
        subprocess.run([*command, "--dry-run"], cwd=ROOT, check=True)


def fastapi_of_the_readme(shared: str, rest: list[str]) -> str:
    """Return the first block alone."""
    return shared + "app = FastAPI()" + rest[0]


def flask_of_the_readme(shared: str, rest: list[str]) -> str:
    """Return the file up to ``init()`` with another framework, and what follows."""
    return for_framework(shared, "flask") + rest[1]


def django_of_the_readme(shared: str, rest: list[str]) -> str:
    """Return it in one file, with what Django wants beside what the README shows."""
    return f"""
from django.conf import settings
{rest[2]}
settings.configure(MIDDLEWARE=MIDDLEWARE, ROOT_URLCONF=__name__, ALLOWED_HOSTS=["*"])
import django
django.setup()
{for_framework(shared, "django")}
{rest[3]}
from django.urls import path
urlpatterns = [path("cart/<sku>", add_to_cart)]
from django.core.management import execute_from_command_line
if __name__ == "__main__":
    import sys; execute_from_command_line([*sys.argv, "--noreload"])
"""


def for_framework(shared: str, name: str) -> str:
    """Return the lines that are the same in each framework."""
    lines = shared.replace('"fastapi"', f'"{name}"').splitlines(keepends=True)
    return "".join(line for line in lines if not re.search("fastapi|asyncio", line))


def in_one_file(core: Core, assemble: Callable[[str, list[str]], str]) -> str:
    """Return an app of the README's, with its core."""
    first, *rest = [block.text for block in blocks(README, "python")]
    shared, app = first.split("app = FastAPI()")
    return as_installed(assemble(shared, [app, *rest]).replace(CORE, core.url))


@pytest.mark.parametrize(
    ("assemble", "serving"),
    [(fastapi_of_the_readme, serving_asgi), (flask_of_the_readme, serving_wsgi)],
)
def test_the_readme_does_what_it_says(
    core: Core,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    assemble: Callable[[str, list[str]], str],
    serving: Callable[[Any], AbstractContextManager[str]],
) -> None:
    """A guest fills a cart and signs up, and a user goes on filling it."""
    monkeypatch.chdir(tmp_path)  # for the database
    names: dict[str, Any] = {"__name__": "shop"}
    exec(compile(in_one_file(core, assemble), str(README), "exec"), names)

    with closing(names["db"]), serving(names["app"]) as address:
        take_a_cart_to_a_user(address)


def test_the_readme_does_it_in_django(
    core: Core, tmp_path: Path, environment: dict[str, str]
) -> None:
    """The same, in a process of its own: Django's settings are made once in one."""
    text = in_one_file(core, django_of_the_readme)
    (tmp_path / "shop.py").write_text(text, encoding="utf-8")
    command = ["python", "shop.py", "runserver", "8000"]

    with docs.serving(command, tmp_path, environment) as address:
        take_a_cart_to_a_user(address)


# The other pages


@pytest.mark.parametrize("name", ["fastapi", "flask", "django"])
def test_who_starts_with_a_framework_is_live(
    core: Core, tmp_path: Path, environment: dict[str, str], name: str
) -> None:
    """The page's files, made by its commands, serve guests and users."""
    page = ROOT / "docs" / f"start-{name}.md"
    *preparing, server = [
        command
        for command in docs.commands(page)
        if command[0] in {"python", "uvicorn", "flask"} and "devcore" not in command[2]
    ]
    if name == "flask":  # its database is the other page's
        docs.write_files(page.with_name("start-fastapi.md"), tmp_path)
    for command in preparing[:1]:
        subprocess.run([sys.executable, *command[1:]], cwd=tmp_path, check=True)
    docs.write_files(page, tmp_path)
    for file in tmp_path.rglob("*.py"):
        file.write_text(as_installed(file.read_text("utf-8")), encoding="utf-8")
    for command in preparing[1:]:
        run = [sys.executable, *command[1:]]
        subprocess.run(run, cwd=tmp_path, env=environment, check=True)

    with docs.serving(server, tmp_path, environment) as address:
        take_a_cart_to_a_user(address)
        with httpx.Client(base_url=address, trust_env=False) as stranger:
            assert [] == stranger.get("/cart").json()


def run(page: Path) -> dict[str, Any]:
    """Execute the Python of a page from top to bottom, as a reader would."""
    names: dict[str, Any] = {"__name__": page.stem}
    for block in blocks(page, "python"):
        if runs_on_this_sdk(block.text):
            exec(compile(as_installed(block.text), str(page), "exec"), names)
    return names


@pytest.mark.parametrize(
    "page",
    [page for page in PYTHON_PAGES if page.name not in ELSEWHERE],
    ids=lambda page: page.name,
)
def test_the_code_of_a_page_runs(core: Core, page: Path) -> None:
    """Imports resolve, settings are accepted, definitions are made."""
    for value in run(page).values():
        if isinstance(value, sqlite3.Connection):
            value.close()


def check_python(text: str) -> None:
    """Read it; other tests run it."""
    ast.parse(text)


def check_sql(text: str) -> None:
    """Execute it in SQLite, where ``?`` and ``:name`` are bound to a text."""
    with sqlite3.connect(":memory:") as database:
        for statement in filter(str.strip, text.split(";")):
            named = dict.fromkeys(re.findall(r":(\w+)", statement), "x")
            database.execute(statement, named or ("x",) * statement.count("?"))
    database.close()


def check_http(text: str) -> None:
    """Read a request or response: a first line, then headers."""
    first, *headers = text.strip().splitlines()

    assert re.fullmatch(r"(GET|POST) /\S* HTTP/1.1|HTTP/1.1 \d{3} [\w ]+", first)
    assert [] == [line for line in headers if not re.match(r"[\w-]+: \S", line)]


def check_with(program: str, *arguments: str, ending: str) -> Callable[[str], None]:
    """Return a check by a program that reads a file and writes no other."""

    def check(text: str) -> None:
        path = shutil.which(program)
        if path is None:
            pytest.skip(f"no {program} here")
        file = ROOT / "build" / f"block{ending}"
        file.parent.mkdir(exist_ok=True)
        file.write_text(text, encoding="utf-8")
        subprocess.run(
            [path, *arguments, str(file)], check=True, stdout=subprocess.DEVNULL
        )

    return check


CHECKS: dict[str, Callable[[str], Any]] = {
    "python": check_python,
    "json": json.loads,
    "sql": check_sql,
    "http": check_http,
    "js": check_with("node", "--check", ending=".mjs"),
    "go": check_with("gofmt", "-e", ending=".go"),
}


@pytest.mark.parametrize(
    ("language", "text"),
    [
        pytest.param(*block, id=f"{page.stem}-{number}")
        for page in PAGES
        for number, block in enumerate(blocks(page), 1)
        if block.language in CHECKS
    ],
)
def test_a_block_is_of_its_language(language: str, text: str) -> None:
    """Whoever copies it gets something that can be read."""
    CHECKS[language](text)


def test_every_block_is_checked() -> None:
    """A block in another language would be a claim that nobody checks."""
    languages = {block.language for page in PAGES for block in blocks(page)}

    assert CHECKS.keys() | {"console", "mermaid"} >= languages


@pytest.mark.parametrize(
    "page", [*PAGES, *docs.OTHER_PAGES], ids=lambda page: page.name
)
def test_links_lead_somewhere(page: Path) -> None:
    """Each relative link names a file that is there, and a heading in it."""
    for link in docs.links(page):
        if re.match(r"(https?|mailto):", link):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), link
        assert not anchor or anchor in docs.anchors(target), link


def test_the_apps_say_where_they_are() -> None:
    """What tests replace is what pages write, so that each page is one set-up."""
    for name in APPS:
        text = (ROOT / name if name == "README.md" else ROOT / "docs" / name).read_text(
            encoding="utf-8"
        )
        assert API in text, name
        assert CORE in text, name


# What the pages claim


def uuids(number: int) -> dict[str, list[str]]:
    """Return a cart of so many items."""
    return {"cart": [str(uuid4()) for _ in range(number)]}


def test_how_much_fits_into_a_guest(serve: Serve) -> None:
    """As many UUIDs as README and data page say, and not one more."""
    serve()
    create_guest_jwt(uuids(39))
    with pytest.raises(PayloadTooLargeError):
        create_guest_jwt(uuids(40))

    for page in (README, ROOT / "docs" / "data.md"):
        assert "39 UUIDs" in page.read_text(encoding="utf-8")


def test_how_much_stays_in_the_token(serve: Serve, visit: Visit, told: Told) -> None:
    """As many UUIDs as the page on data says; one more goes into the database."""
    app = serve(told.config())
    for number in (5, 6):
        visitor = visit(app)
        visitor.become_guest(uuids(number))
        visitor.sign_up()

    assert [False, True] == [transfer.in_database for transfer in told.transfers]
    page = ROOT / "docs" / "data.md"
    assert "5 UUIDs stay in the token" in page.read_text(encoding="utf-8")


def test_a_client_without_cookies(core: Core) -> None:
    """The guest comes and goes in headers that a page of another origin may use."""
    names = run(ROOT / "docs" / "clients.md")
    origin = {"origin": "http://localhost:3000"}
    with (
        serving_asgi(names["app"]) as address,
        httpx.Client(base_url=address, headers=origin, trust_env=False) as client,
    ):
        preflight = client.options(
            "/cart/sku-1",
            headers={
                "access-control-request-method": "POST",
                "access-control-request-headers": "guest-jwt,st-auth-mode",
            },
        )
        assert 200 == preflight.status_code, preflight.text
        client.headers["st-auth-mode"] = "header"
        first = client.post("/cart/sku-1")
        client.headers["guest-jwt"] = first.headers["guest-jwt"]
        signed_up = client.post("/auth/signup", json=sign_up_form())

    assert "OK" == signed_up.json()["status"]
    assert "remove" == signed_up.headers["guest-jwt"]
    for answer in (first, signed_up):
        assert "guest-jwt" in answer.headers["access-control-expose-headers"]
    assert "front-token" in signed_up.headers["access-control-expose-headers"]
    assert {} == dict(client.cookies)


def test_starlettes_cors_replaces_what_is_exposed() -> None:
    """Why the page says to leave out ``expose_headers``, or to list everything."""

    async def view(_request: Request) -> Response:
        return Response(headers={"Access-Control-Expose-Headers": "guest-jwt"})

    exposed = []
    for lists in ({}, {"expose_headers": ["x-mine"]}):
        app = Starlette(routes=[Route("/", view)])
        app.add_middleware(CORSMiddleware, allow_origins=["*"], **lists)  # type: ignore[arg-type]  # a mapping of one kind of its options
        with serving_asgi(app) as address:
            answer = httpx.get(address, headers={"origin": "http://x"}, trust_env=False)
        exposed.append(answer.headers["access-control-expose-headers"])

    assert ["guest-jwt", "x-mine"] == exposed


def test_a_guest_stays_with_its_tenant(core: Core) -> None:
    """At another tenant's login nothing moves, and the cookie stays."""
    names = run(ROOT / "docs" / "tenants.md")
    names["TENANTS"]["127.0.0.1"] = "acme"
    kept = []
    with serving_asgi(names["app"]) as address:
        for tenant in ("acme", "public"):
            names["TENANTS"]["127.0.0.1"] = tenant
            with httpx.Client(base_url=address, trust_env=False) as visitor:
                visitor.headers["st-auth-mode"] = "cookie"
                assert 200 == visitor.post("/cart/sku-1").status_code
                answer = visitor.post("/auth/signup", json=sign_up_form())
                assert "OK" == answer.json()["status"]
                kept.append(("jwt" in visitor.cookies, "sku-1" in claims(answer)))

    assert [(True, False), (False, True)] == kept


def claims(answer: httpx.Response) -> str:
    """Return what a session's front token tells a page."""
    return base64.b64decode(answer.headers["front-token"]).decode()


def test_the_recipes_traps_are_tests() -> None:
    """Each test that the page on the recipe names is there, and each one is named."""
    page = (ROOT / "docs" / "recipe.md").read_text(encoding="utf-8")
    file = ROOT / "tests" / "integrations" / "test_naive_recipe.py"
    tests = re.findall(
        r"^def (test_\w+)", file.read_text(encoding="utf-8"), re.MULTILINE
    )

    assert set(tests) == set(re.findall(r"`(test_\w+)`", page))


def test_the_reference_has_every_public_name() -> None:
    """And no other; the twins of ``syncio`` are those of ``asyncio``."""
    page = (ROOT / "docs" / "reference.md").read_text(encoding="utf-8")
    modules = ["", ".asyncio", ".fastapi", ".flask", ".django"]
    public = {
        f"supertokens_guest{module}.{name}"
        for module in modules
        for name in import_module(f"supertokens_guest{module}").__all__
    }

    found = set(re.findall(r"^::: (\S+)$", page, re.MULTILINE))
    assert public == {name for name in found if ".devcore." not in name}
    for name in public:
        assert f"`{name.rpartition('.')[2]}`" in page or "Error" in name, name
    assert asyncio_names.__all__ == syncio_names.__all__
