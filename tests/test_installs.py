"""What pip is asked for, and what a workflow runs: the same on any day."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))


def _commands(file: Path) -> list[str]:
    """Return the lines of a script, each with those that continue it."""
    text = file.read_text(encoding="utf-8")
    return re.sub(r"\\\n\s*", "", text).splitlines()


def test_pip_is_left_nothing_to_decide() -> None:
    """No install looks for a release, and one from a lock checks hashes, builds none.

    Else a release of today, met by the pip of an old Python, decides whether
    yesterday's lock still installs.
    """
    installs = [
        command.strip()
        for file in (ROOT / "Makefile", ROOT / ".ci" / "run", *WORKFLOWS)
        for command in _commands(file)
        if re.search(r"\binstall\b", command) and "apt-get" not in command
    ]
    from_locks = [command for command in installs if re.search(r" -r ", command)]
    locked = "--no-deps --require-hashes --only-binary :all:"

    assert from_locks
    assert [] == [command for command in installs if "--no-deps" not in command]
    assert [] == [command for command in from_locks if locked not in command]


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda path: path.name)
def test_an_action_is_pinned_by_the_hash_of_its_commit(workflow: Path) -> None:
    """A tag can be moved to other code; what lies in this repository needs no pin."""
    used = re.findall(r"\buses: *(.*)", workflow.read_text(encoding="utf-8"))
    pinned = re.compile(r"\./\S+|[\w./-]+@[0-9a-f]{40} # v[\d.]+")

    assert used
    assert [] == [action for action in used if not pinned.fullmatch(action)]
