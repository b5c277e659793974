"""Each framework's package missing in turn: the rest of the package does without it."""

from __future__ import annotations

import subprocess
import sys

import pytest

PACKAGES = {
    "fastapi": ["fastapi", "starlette"],
    "flask": ["flask", "werkzeug"],
    "django": ["django"],
}

PROGRAM = """
import importlib, sys

missing, *packages = sys.argv[1:]


class Missing:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in packages:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)


sys.meta_path.insert(0, Missing())
for name in ("", ".asyncio", ".syncio", ".fastapi", ".flask", ".django"):
    try:
        importlib.import_module(f"supertokens_guest{name}")
    except ModuleNotFoundError as error:
        print(name, error.name)
"""


@pytest.mark.parametrize("missing", PACKAGES)
def test_missing_framework(missing: str) -> None:
    """Only the framework's own module needs it, and says what is missing."""
    arguments = [missing, *PACKAGES[missing]]

    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, *arguments],
        capture_output=True,
        text=True,
        check=True,
    )

    assert [f".{missing}"] == [line.split()[0] for line in done.stdout.splitlines()]
    assert {line.split()[1].split(".")[0] for line in done.stdout.splitlines()} <= set(
        PACKAGES[missing]
    )
