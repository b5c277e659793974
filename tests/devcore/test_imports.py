"""The dev core stays apart: who does not use it does not pay for it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import supertokens_guest.devcore

ROOT = Path(supertokens_guest.devcore.__file__).absolute().parents[2]
SERVER = ["starlette", "uvicorn"]


def loaded_after(code: str, modules: list[str]) -> str:
    """Return which of *modules* a new interpreter has loaded after *code*."""
    shown = f"import sys; print([m for m in {modules} if m in sys.modules])"
    process = subprocess.run(
        [sys.executable, "-c", f"{code}\n{shown}"],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert "" == process.stderr
    return process.stdout.strip()


def test_the_package_never_loads_the_server() -> None:
    """Neither its front page nor its functions need Starlette or uvicorn."""
    code = (
        "import supertokens_guest, supertokens_guest.asyncio, supertokens_guest.syncio"
    )

    assert "[]" == loaded_after(code, [*SERVER, "supertokens_guest.devcore"])


def test_the_dev_core_loads_the_server_when_it_is_used() -> None:
    """Importing the name of its package costs nothing yet."""
    assert "[]" == loaded_after("import supertokens_guest.devcore", SERVER)
    code = "from supertokens_guest.devcore import DevCore"
    assert str(SERVER) == loaded_after(code, SERVER)


def test_the_pytest_plugin_loads_pytest_alone() -> None:
    """It is loaded in each run of pytest wherever the package is installed."""
    code = f"""
import sys, pytest
sys.path.insert(0, {str(ROOT)!r})
before = set(sys.modules)
import pytest_supertokens_guest
loaded = {{name.partition(".")[0] for name in set(sys.modules) - before}}
print(sorted(loaded - sys.stdlib_module_names))
"""
    process = subprocess.run(
        [sys.executable, "-I", "-c", code], capture_output=True, text=True, check=True
    )

    assert "['pytest_supertokens_guest']" == process.stdout.strip()
