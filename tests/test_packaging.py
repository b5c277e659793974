"""What is in the wheel, and what it says of itself."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tarfile
import zipfile
from email import message_from_bytes
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from packaging.metadata import Metadata
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

if TYPE_CHECKING:
    from email.message import Message

ROOT = Path(__file__).parent.parent


def _build(tree: Path, folder: Path, **environment: str) -> None:
    """Build with the locked hatchling, without the network."""
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-d", str(folder)],
        cwd=tree,
        env={**os.environ, **environment},
        check=True,
        capture_output=True,
    )


def _digests(folder: Path) -> dict[str, str]:
    return {
        path.name: sha256(path.read_bytes()).hexdigest() for path in folder.iterdir()
    }


@pytest.fixture(scope="module")
def dist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the sdist and the wheel; return their folder."""
    folder = tmp_path_factory.mktemp("dist")
    _build(ROOT, folder, SOURCE_DATE_EPOCH="1800000000")
    return folder


@pytest.fixture(scope="module")
def wheel(dist: Path) -> Path:
    """Return the wheel's path."""
    (built,) = dist.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def names(wheel: Path) -> set[str]:
    """Return the paths of the files in the wheel."""
    with zipfile.ZipFile(wheel) as archive:
        return set(archive.namelist())


@pytest.fixture(scope="module")
def raw_metadata(wheel: Path) -> bytes:
    """Return what the wheel says of itself (the "Core metadata" format)."""
    with zipfile.ZipFile(wheel) as archive:
        (path,) = (n for n in archive.namelist() if n.endswith(".dist-info/METADATA"))
        return archive.read(path)


@pytest.fixture(scope="module")
def metadata(raw_metadata: bytes) -> Message:
    """Return it, read."""
    return message_from_bytes(raw_metadata)


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
    """Beside the modules the wheel holds the marker of PEP 561, and nothing else."""
    others = {name for name in names if not name.endswith(".py")}

    assert ["supertokens_guest/py.typed"] == [
        name for name in others if ".dist-info/" not in name
    ]


def test_the_same_bytes_are_built_anywhere(dist: Path, tmp_path: Path) -> None:
    """From the sdist, elsewhere and later, one gets this very sdist and this wheel."""
    (sdist,) = dist.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        archive.extractall(tmp_path, filter="data")
    (tree,) = tmp_path.iterdir()
    for path in tree.rglob("*.*"):
        os.utime(path, (0, 0))
        path.chmod(0o600)

    again = tmp_path / "dist"
    _build(tree, again, SOURCE_DATE_EPOCH="1800000000", TZ="Asia/Tokyo")

    assert _digests(dist) == _digests(again)


def test_the_date_of_the_release_is_the_one_that_is_given(wheel: Path) -> None:
    """What the wheel holds has the date of the commit, which make gives."""
    with zipfile.ZipFile(wheel) as archive:
        assert {(2027, 1, 15, 8, 0, 0)} == {
            entry.date_time for entry in archive.infolist()
        }


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


def test_an_index_takes_the_metadata(raw_metadata: bytes) -> None:
    """Each field is one that the tools for uploading know, and well-formed."""
    assert "supertokens-guest" == Metadata.from_email(raw_metadata).name


def test_a_floor_is_what_the_oldest_lock_installs(metadata: Message) -> None:
    """No version is said to be supported that no test runs with."""
    floors = {}
    for line in metadata.get_all("Requires-Dist", []):
        requirement = Requirement(line)
        (floor,) = (s.version for s in requirement.specifier if s.operator == ">=")
        floors[canonicalize_name(requirement.name)] = Version(floor)
    text = (ROOT / "requirements-oldest.lock").read_text(encoding="utf-8")
    locked = dict(re.findall(r"^([\w.-]+)==([\w.]+)", text, re.MULTILINE))

    assert {name: Version(locked[name]) for name in floors} == floors


def test_each_python_that_is_named_is_tried(metadata: Message) -> None:
    """The script and the workflow make the environment with the same Pythons."""
    prefix = "Programming Language :: Python :: 3."
    named = [
        f"3.{classifier.removeprefix(prefix)}"
        for classifier in metadata.get_all("Classifier", [])
        if classifier.startswith(prefix)
    ]
    script = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    workflow = (ROOT / ".github" / "workflows" / "ci.yml").read_text(encoding="utf-8")

    assert f"for version in {' '.join(named)}; do" in script
    assert f"python: {json.dumps(named)}" in workflow
    assert f">={named[0]}" == metadata["Requires-Python"]


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
