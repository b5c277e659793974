"""The direction of imports: a module knows only what lies below it."""

from __future__ import annotations

import ast
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

PACKAGE = "supertokens_guest"
ROOT = Path(__file__).parent.parent / PACKAGE
FRAMEWORKS = {
    "fastapi": {"fastapi", "starlette"},
    "flask": {"flask", "werkzeug"},
    "django": {"django"},
}


@dataclass(frozen=True)
class Layer:
    """One row: modules from left to right, and what they may import from outside."""

    modules: tuple[str, ...]
    outside: frozenset[str] = frozenset()


SDK = frozenset({"supertokens_python"})
LAYERS = (
    Layer(("errors", "guest", "events")),
    Layer(("_background",)),
    Layer(("_tokens.payload",)),
    Layer(("config",)),
    Layer(
        ("_tokens.keys", "_tokens.rules", "_tokens.verifying"),
        frozenset({"jwt", "cryptography", "httpx"}),
    ),
    Layer(("_runtime",), SDK),
    Layer(("_web.requests", "_web.cookies", "_web.answers"), SDK),
    Layer(("_tokens.issuing",), SDK),
    Layer(
        ("_transfer.selection", "_transfer.handover", "_transfer.late"),
        # The SDK's own dependency: it knows the thread in which Django keeps what
        # belongs to a request.
        SDK | {"asgiref"},
    ),
    Layer(("_web.visits",), SDK),
    Layer(("override", "asyncio", "syncio", "__init__"), SDK),
    Layer(tuple(FRAMEWORKS)),
)
KNOWN = {module for layer in LAYERS for module in layer.modules}
FOLDERS = {module.split(".")[0] for module in KNOWN if "." in module}
# What decides and nothing else; these would let it wait, ask a clock or the network.
PURE = {"errors", "guest", "events", "_tokens.payload", "config", "_transfer.selection"}
IMPURE = frozenset(
    {"asyncio", "http", "os", "random", "socket", "ssl", "subprocess", "threading"}
    | {"time", "urllib", "uuid", *SDK}
)
DEVCORE = "devcore"
DEVCORE_OUTSIDE = frozenset({"cryptography", "starlette", "uvicorn"})


def module_name(path: Path) -> str:
    """Return the dotted name inside the package, ``__init__`` for its front page."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if len(parts) > 1 and parts[-1] == "__init__" else parts)


def is_type_checking(node: ast.If) -> bool:
    """Say whether *node* is ``if TYPE_CHECKING:``."""
    return isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"


def imported(node: ast.AST, package: str = PACKAGE) -> Iterator[str]:
    """Yield each dotted name that code under *node* imports when it runs.

    Args:
        node: A module, or a part of one.
        package: The dotted name that a leading dot stands for.
    """
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Import):
            yield from (alias.name for alias in child.names)
        elif isinstance(child, ast.ImportFrom):
            above = package.split(".")[: 1 - child.level or None] if child.level else []
            source = ".".join([*above, *filter(None, [child.module])])
            # The last part may be a module too: "from package import module".
            yield from (f"{source}.{alias.name}" for alias in child.names)
        elif isinstance(child, ast.If) and is_type_checking(child):
            for statement in child.orelse:
                yield from imported(statement, package)
        else:
            yield from imported(child, package)


def own_module(name: str) -> str | None:
    """Return the module of this package that *name* is or is part of, if any."""
    first, *rest = name.split(".")
    if first != PACKAGE:
        return None
    if rest and rest[0] in FOLDERS:
        return ".".join(rest[:2])
    if rest and rest[0] in KNOWN | {path.stem for path in ROOT.iterdir()}:
        return rest[0]
    return "__init__"


def place(module: str) -> tuple[int, int]:
    """Return the row and the place in it; a module that is in no row is an error."""
    for row, layer in enumerate(LAYERS):
        if module in layer.modules:
            return row, layer.modules.index(module)
    message = f"{PACKAGE}.{module} is in no layer: add it to LAYERS"
    raise LookupError(message)


def allowed_outside(module: str) -> frozenset[str]:
    """Return the distributions that *module* may import, by their top names."""
    row, _ = place(module)
    below = frozenset[str]().union(*(layer.outside for layer in LAYERS[: row + 1]))
    return below | FRAMEWORKS.get(module, set())


def faults(module: str, source: str) -> list[str]:
    """Return a sentence for each import of *source* that its layer forbids."""
    found = []
    outside = allowed_outside(module)
    for name in imported(ast.parse(source)):
        own = own_module(name)
        top = name.split(".")[0]
        if own == DEVCORE:
            found.append(f"{module} imports the dev core")
        elif own is not None:
            if place(own) >= place(module):
                found.append(f"{module} imports {own}, which is not below it")
            elif not FRAMEWORKS.get(own, set()) <= outside:
                found.append(f"{module} imports {own}, which is another framework's")
        elif module in PURE and top in IMPURE:
            found.append(f"{module} imports {top}, which is not pure")
        elif top not in sys.stdlib_module_names | outside:
            found.append(f"{module} imports {top}, which its layer may not")
    return found


PATHS = sorted(ROOT.rglob("*.py"))
DEVCORE_MODULES = [path for path in PATHS if DEVCORE in path.relative_to(ROOT).parts]
FRONT_PAGES = [ROOT / folder / "__init__.py" for folder in sorted(FOLDERS)]
MODULES = [path for path in PATHS if path not in DEVCORE_MODULES + FRONT_PAGES]


@pytest.mark.parametrize("path", MODULES, ids=module_name)
def test_a_module_imports_only_what_is_below_it(path: Path) -> None:
    """Imports go down, or to the left in a row, and outside as the layer allows."""
    assert [] == faults(module_name(path), path.read_text(encoding="utf-8"))


def test_a_layer_has_no_module_that_is_not_there() -> None:
    """The table tells what is, not what was."""
    assert sorted(KNOWN) == sorted(map(module_name, MODULES))


@pytest.mark.parametrize("path", FRONT_PAGES, ids=module_name)
def test_a_folders_front_page_imports_nothing(path: Path) -> None:
    """What it imported would be imported for each of its modules, whatever its row."""
    assert [] == list(imported(ast.parse(path.read_text(encoding="utf-8"))))


def test_the_package_is_small_enough_to_read() -> None:
    """In an afternoon: all modules together, and each alone (``make size``)."""
    paths = [*MODULES, *FRONT_PAGES]
    lines = {
        module_name(path): len(path.read_text(encoding="utf-8").splitlines())
        for path in paths
    }

    assert 3_800 >= sum(lines.values())
    assert [] == [module for module, count in lines.items() if count > 320]


@pytest.mark.parametrize("path", DEVCORE_MODULES, ids=module_name)
def test_the_dev_core_stands_beside_the_package(path: Path) -> None:
    """The dev core imports nothing of the package, so it cannot share its mistakes."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    names = list(imported(tree, f"{PACKAGE}.{DEVCORE}"))
    own = {own_module(name) for name in names} - {None}
    outside = {
        top
        for top in (name.split(".")[0] for name in names)
        if top != PACKAGE and top not in sys.stdlib_module_names
    }

    assert own <= {DEVCORE}
    assert outside <= DEVCORE_OUTSIDE


@pytest.mark.parametrize(
    ("module", "line", "fault"),
    [
        (
            "_tokens.payload",
            "from supertokens_guest import config",
            "_tokens.payload imports config, which is not below it",
        ),
        (
            "errors",
            "from supertokens_guest._tokens.payload import is_reserved",
            "errors imports _tokens.payload, which is not below it",
        ),
        (
            "_web.requests",
            "from supertokens_guest._web import visits",
            "_web.requests imports _web.visits, which is not below it",
        ),
        (
            "override",
            "from supertokens_guest import GuestConfig",
            "override imports __init__, which is not below it",
        ),
        (
            "django",
            "from supertokens_guest.flask import verify_visitor",
            "django imports flask, which is another framework's",
        ),
        (
            "_tokens.keys",
            "import supertokens_python",
            "_tokens.keys imports supertokens_python, which its layer may not",
        ),
        (
            "flask",
            "def view():\n    import fastapi",
            "flask imports fastapi, which its layer may not",
        ),
        ("config", "import httpx", "config imports httpx, which its layer may not"),
        (
            "_transfer.selection",
            "from time import monotonic",
            "_transfer.selection imports time, which is not pure",
        ),
        (
            "syncio",
            "import supertokens_guest.devcore.server",
            "syncio imports the dev core",
        ),
    ],
)
def test_an_import_in_the_wrong_direction_is_found(
    module: str, line: str, fault: str
) -> None:
    """The check sees imports up, right, across, out, impure, and of the dev core."""
    assert [fault] == faults(module, line)


def test_an_import_for_types_alone_is_no_import() -> None:
    """What stands under ``if TYPE_CHECKING`` binds no module to another."""
    source = "if TYPE_CHECKING:\n    from supertokens_guest.config import GuestConfig"

    assert [] == faults("errors", source)


def test_a_module_in_no_layer_is_an_error() -> None:
    """A new module says where it belongs before it may be imported."""
    with pytest.raises(LookupError, match="add it to LAYERS"):
        place("helpers")
