"""The documentation is true: its blocks run, its apps serve, its links lead somewhere."""

from __future__ import annotations

import ast
import json
import os
import re
import shutil
import sqlite3
import subprocess
import sys
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import httpx
import pytest
from supertokens_python.recipe import session

from testkit import docs
from testkit.core import Core, running_core
from testkit.docs import API, CORE, PAGES, ROOT, blocks
from testkit.sdk import reset_sdk

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

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


@pytest.fixture
def core(monkeypatch: pytest.MonkeyPatch) -> Iterator[Core]:
    """A core whose address the pages read from the environment."""
    with running_core() as core:
        monkeypatch.setenv("CORE", core.url)
        yield core
    reset_sdk()


@pytest.fixture
def environment(core: Core) -> dict[str, str]:
    """What a page's commands run with: this package, and a core."""
    return {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"}


def take_a_cart_to_a_user(address: str) -> None:
    """Be a guest, sign up, and find what the guest had, and no guest any more."""
    with httpx.Client(base_url=address, trust_env=False, timeout=30) as visitor:
        visitor.headers["st-auth-mode"] = "cookie"
        for sku in ("sku-1", "sku-2"):
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


@pytest.mark.parametrize(
    ("assemble", "command"),
    [
        (fastapi_of_the_readme, "uvicorn shop:app --port 8000"),
        (flask_of_the_readme, "flask --app shop run --port 8000"),
        (django_of_the_readme, "python shop.py runserver 8000"),
    ],
)
def test_the_readme_does_what_it_says(
    core: Core,
    tmp_path: Path,
    environment: dict[str, str],
    assemble: Callable[[str, list[str]], str],
    command: str,
) -> None:
    """A guest fills a cart and signs up, and a user goes on filling it."""
    first, *rest = [block.text for block in blocks(README, "python")]
    shared, app = first.split("app = FastAPI()")
    text = as_installed(assemble(shared, [app, *rest]).replace(CORE, core.url))
    (tmp_path / "shop.py").write_text(text, encoding="utf-8")

    with docs.serving(command.split(), tmp_path, environment) as address:
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


@pytest.mark.parametrize(
    "page",
    [page for page in PYTHON_PAGES if page.name not in ELSEWHERE],
    ids=lambda page: page.name,
)
def test_the_code_of_a_page_runs(core: Core, page: Path) -> None:
    """From top to bottom, as a reader would; what a page asserts holds."""
    names: dict[str, Any] = {"__name__": page.stem}
    try:
        for block in blocks(page, "python"):
            exec(compile(as_installed(block.text), str(page), "exec"), names)
    finally:
        for value in names.values():
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
