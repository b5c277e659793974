"""Every code block of the README and of docs/ is executed."""

from __future__ import annotations

import re
import shutil
import sqlite3
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import httpx
import pytest

from testkit.core import Core, running_core
from testkit.sdk import reset_sdk
from testkit.serving import serving_asgi

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[1]
FENCED = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
# Whose example is a test suite of its own, executed by pytest.
ELSEWHERE = {"testing.md"}


def blocks(page: Path, language: str) -> list[str]:
    """Return the fenced blocks of a language."""
    return [text for tag, text in FENCED.findall(page.read_text()) if tag == language]


def run(page: Path) -> dict[str, Any]:
    """Execute the Python of a page from top to bottom, as a reader would."""
    names: dict[str, Any] = {"__name__": page.stem}
    for block in blocks(page, "python"):
        exec(compile(block, str(page), "exec"), names)
    return names


@pytest.fixture
def core(monkeypatch: pytest.MonkeyPatch) -> Iterator[Core]:
    """A core whose address the pages read from the environment."""
    with running_core() as core:
        monkeypatch.setenv("SUPERTOKENS_CONNECTION_URI", core.url)
        yield core
    reset_sdk()


def test_every_block_is_of_a_language_that_is_executed() -> None:
    """A block in another language would be a claim that nobody checks."""
    languages = {
        language for page in PAGES for language, _ in FENCED.findall(page.read_text())
    }

    assert {"console", "python"} == languages


@pytest.mark.parametrize(
    "page",
    [page for page in PAGES[1:] if page.name not in ELSEWHERE],
    ids=lambda page: page.name,
)
def test_the_code_of_a_page_runs(page: Path) -> None:
    """Imports resolve, settings are accepted, definitions are made."""
    assert [] != blocks(page, "python")
    for value in run(page).values():
        if isinstance(value, sqlite3.Connection):
            value.close()


@pytest.mark.skipif(not shutil.which("make"), reason="no make here")
def test_the_commands_of_the_readme_exist() -> None:
    """Make knows each of them."""
    commands = "".join(blocks(ROOT / "README.md", "console")).split("\n")[:-1]

    assert ["make demo", "make test"] == commands
    for command in commands:
        subprocess.run([*command.split(), "--dry-run"], cwd=ROOT, check=True)


def test_the_readme_does_what_it_says(core: Core) -> None:
    """A guest fills a cart, signs up, and has it in the session and in the hook."""
    names = run(ROOT / "README.md")
    with (
        serving_asgi(names["app"]) as address,
        httpx.Client(base_url=address) as visitor,
    ):
        visitor.headers.update({"st-auth-mode": "cookie", "rid": "emailpassword"})
        assert {"items": 1} == visitor.post("/cart/sku-1").json()
        assert {"items": 2} == visitor.post("/cart/sku-2").json()
        assert "jwt" in visitor.cookies
        signed_up = visitor.post("/auth/signup", json=sign_up_form())
        assert "OK" == signed_up.json()["status"]
        assert "jwt" not in visitor.cookies
        guest = visitor.get("/me").json()

    assert ["sku-1", "sku-2"] == guest["cart"]
    assert {guest["sub"]: signed_up.json()["user"]["id"]} == names["carts"]


def sign_up_form() -> dict[str, Any]:
    """Return what the front end sends."""
    fields = {"email": f"{uuid4()}@example.com", "password": "passw0rd1"}
    return {"formFields": [{"id": k, "value": v} for k, v in fields.items()]}
