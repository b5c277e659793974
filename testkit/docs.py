"""The documentation as its readers take it: pages, their blocks, their files."""

from __future__ import annotations

import re
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import httpx

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("**/*.md"))]
OTHER_PAGES = [
    ROOT / f"{name}.md" for name in ("CHANGELOG", "CONTRIBUTING", "SECURITY")
]

API = "http://localhost:8000"
"""Where the apps of the documentation say that they are."""

CORE = "http://localhost:3567"
"""Where they look for a core."""

_BLOCK = re.compile(r"^( *)```(\w*)\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)
_NAMED = re.compile(r"(?:#|//) ([\w/.]+\.\w+)(, at the end)?\n")
_HEADING = re.compile(r"^#{1,6} +(.+?)(?: +\{ *#([\w.-]+) *\})?$", re.MULTILINE)
_LINK = re.compile(r"\[(?:[^\]\[]|\[[^\]]*\])*\]\(([^)\s]+)\)")
_START_SECONDS = 60.0


class Block(NamedTuple):
    """A fenced block of a page."""

    language: str
    text: str


def blocks(page: Path, *languages: str) -> list[Block]:
    """Return the fenced blocks of a page, all or those of some languages."""
    found = [
        Block(language, re.sub(f"^{indent}", "", text, flags=re.MULTILINE))
        for indent, language, text in _BLOCK.findall(page.read_text(encoding="utf-8"))
    ]
    return [block for block in found if not languages or block.language in languages]


def file_name(block: Block) -> str | None:
    """Return the name of the file that a block's first line says it is."""
    named = _NAMED.match(block.text)
    return named[1] if named else None


def write_files(page: Path, folder: Path) -> None:
    """Write the files of a page into *folder*, or the ends of those that are there."""
    for block in blocks(page):
        named = _NAMED.match(block.text)
        if named is None:
            continue
        file = folder / named[1]
        file.parent.mkdir(exist_ok=True)
        before = file.read_text(encoding="utf-8") if named[2] else ""
        file.write_text(before + block.text, encoding="utf-8")


def commands(page: Path) -> list[list[str]]:
    """Return the commands of a page's ``console`` blocks, one after the other."""
    text = "".join(block.text for block in blocks(page, "console"))
    return [line.split() for line in text.splitlines()]


def anchors(page: Path) -> set[str]:
    """Return the ids that a page's headings get, on a code host and on the site."""
    text = _BLOCK.sub("", page.read_text(encoding="utf-8"))
    found: set[str] = set()
    for title, given in _HEADING.findall(text):
        plain = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", title).replace("`", "")
        slug = re.sub(r"[^\w\- ]", "", plain.lower()).strip().replace(" ", "-")
        found.add(given or slug)
    return found


def links(page: Path) -> list[str]:
    """Return where the links and pictures of a page lead."""
    return _LINK.findall(_BLOCK.sub("", page.read_text(encoding="utf-8")))


@contextmanager
def serving(
    command: list[str], folder: Path, environment: Mapping[str, str]
) -> Iterator[str]:
    """Run a page's command for a server in *folder*; yields the server's address.

    What the page serves on port 8000 is served on a free one.
    """
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    words = [word.replace("8000", port) for word in command]
    arguments = words[1:] if words[0] == "python" else ["-m", *words]
    log = folder / "server.log"
    with log.open("w", encoding="utf-8") as output:
        process = subprocess.Popen(  # noqa: S603 - a command of the documentation's
            [sys.executable, *arguments],
            cwd=folder,
            env=dict(environment),
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        address = f"http://localhost:{port}"
        _wait_for(address, process, log)
        yield address
    finally:
        process.terminate()
        process.wait()


def _wait_for(address: str, process: subprocess.Popen[bytes], log: Path) -> None:
    give_up_at = time.monotonic() + _START_SECONDS
    while time.monotonic() < give_up_at and process.poll() is None:
        if _answers(address):
            return
        time.sleep(0.05)
    raise RuntimeError(f"nothing serves {address}:\n{log.read_text('utf-8')}")


def _answers(address: str) -> bool:
    try:
        httpx.get(f"{address}/nowhere", trust_env=False, verify=False)  # noqa: S501 - plain HTTP; it saves loading certificates
    except httpx.TransportError:
        return False
    return True
