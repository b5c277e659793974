"""docs/testing.md is a test suite of its own; it passes."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from supertokens_python.recipe import session

import supertokens_guest.devcore

ROOT = Path(supertokens_guest.devcore.__file__).absolute().parents[2]
PAGE = Path(__file__).parents[2] / "docs" / "testing.md"
BLOCK = re.compile(r"^```python\n# (\w+\.py)\n(.*?)^```", re.MULTILINE | re.DOTALL)


@pytest.mark.skipif(
    not hasattr(session, "SessionOverrideConfig"), reason="the class's name on 0.31"
)
def test_the_example_passes(tmp_path: Path) -> None:
    """Written into the files that it names, its tests find their fixtures and pass."""
    files = dict(BLOCK.findall(PAGE.read_text(encoding="utf-8")))
    assert {"shop.py", "test_shop.py"} == files.keys()
    for name, content in files.items():
        (tmp_path / name).write_text(content, encoding="utf-8")
    plugin = "pytest_supertokens_guest"
    process = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", plugin],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        env={
            **os.environ,
            "PYTHONPATH": f"{ROOT}{os.pathsep}{tmp_path}",
            # The plugin is named, so that the test holds without an installation.
            "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
        },
    )

    assert 0 == process.returncode, process.stdout
    assert f"{files['test_shop.py'].count('def test_')} passed" in process.stdout
