"""What is in the wheel, and what it says of itself."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from email import message_from_bytes
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from email.message import Message

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the wheel with the locked hatchling, without the network."""
    folder = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d"]
    subprocess.run([*command, str(folder)], cwd=ROOT, check=True, capture_output=True)
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def names(wheel: Path) -> set[str]:
    """Return the paths of the files in the wheel."""
    with zipfile.ZipFile(wheel) as archive:
        return set(archive.namelist())


@pytest.fixture(scope="module")
def metadata(wheel: Path) -> Message:
    """Return what the wheel says of itself (the "Core metadata" format)."""
    with zipfile.ZipFile(wheel) as archive:
        (path,) = (n for n in archive.namelist() if n.endswith(".dist-info/METADATA"))
        return message_from_bytes(archive.read(path))


def test_the_wheel_holds_the_package_and_its_pytest_plugin(names: set[str]) -> None:
    """No tests, demo or benchmarks land among the user's top-level packages."""
    tops = {name.split("/")[0] for name in names if ".dist-info/" not in name}

    assert {"supertokens_guest", "pytest_supertokens_guest.py"} == tops


def test_every_module_is_in_the_wheel(names: set[str]) -> None:
    """A module that is in the checkout is in the wheel too."""
    modules = {
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / "supertokens_guest").rglob("*.py")
    }
    modules.add("pytest_supertokens_guest.py")

    assert modules == {name for name in names if name.endswith(".py")}


def test_type_checkers_see_the_annotations(names: set[str]) -> None:
    """The marker of PEP 561 is in the wheel."""
    assert "supertokens_guest/py.typed" in names


def test_the_license_comes_along(names: set[str], metadata: Message) -> None:
    """The wheel names its license and holds the text."""
    assert metadata["License-Expression"] == "Apache-2.0"
    assert any(name.endswith(".dist-info/licenses/LICENSE") for name in names)


def test_the_releases_without_the_session_fix_are_excluded(metadata: Message) -> None:
    """No SDK is installed that takes a token of another type as a session."""
    (requirement,) = (
        line
        for line in metadata.get_all("Requires-Dist", [])
        if line.startswith("supertokens-python")
    )

    assert {"!=0.31.0", "!=0.31.1", "!=0.31.2", "!=0.31.3", ">=0.30.4"} == set(
        requirement.removeprefix("supertokens-python").split(",")
    )


def test_the_extras_are_the_frameworks_and_the_dev_core(metadata: Message) -> None:
    """Each framework can be asked for by its name."""
    extras = set(metadata.get_all("Provides-Extra", []))

    assert {"devcore", "django", "fastapi", "flask"} == extras


@pytest.mark.parametrize("lock", ["requirements.lock", "requirements-oldest.lock"])
def test_a_lock_names_no_package_index(lock: str) -> None:
    """Where packages come from is the business of the machine that installs them."""
    text = (ROOT / lock).read_text(encoding="utf-8")

    assert "://" not in text
    assert "--index-url" not in text
    assert text.count("==") <= text.count("--hash=sha256:")


def test_pytest_finds_the_fixtures_of_the_dev_core(wheel: Path) -> None:
    """The wheel announces them, so that a user's tests need no import for them."""
    with zipfile.ZipFile(wheel) as archive:
        (path,) = (n for n in archive.namelist() if n.endswith("/entry_points.txt"))
        announced = archive.read(path).decode()

    assert [
        "[pytest11]",
        "supertokens_guest = pytest_supertokens_guest",
    ] == announced.split("\n")[:2]
