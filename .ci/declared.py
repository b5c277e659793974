"""Prints the part of a lock that a wheel declares: what pip would install beside it.

    python .ci/declared.py LOCK WHEEL          without its extras
    python .ci/declared.py LOCK WHEEL extras   with all of them

So pip need not look for releases to show that what is declared suffices. Runs where the
whole lock is installed: there it is known what each distribution declares.
"""

from __future__ import annotations

import re
import sys
from importlib.metadata import Distribution, distribution, distributions
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name


def declared_names(wheel: Distribution, extras: list[str]) -> set[str]:
    """Return the names of all that *wheel* needs, and of what those need, and so on."""
    to_read = [(wheel, extra) for extra in ("", *extras)]
    found: set[tuple[str, str]] = set()
    for reading, extra in to_read:  # grows on the way
        for line in reading.requires or ():
            needed = Requirement(line)
            if needed.marker and not needed.marker.evaluate({"extra": extra}):
                continue
            name = canonicalize_name(needed.name)
            for pair in ((name, wanted) for wanted in ("", *needed.extras)):
                if pair not in found:
                    found.add(pair)
                    to_read.append((distribution(name), pair[1]))
    return {name for name, _ in found}


def main() -> None:
    """Print the entries of the lock, with their hashes."""
    lock, path, *asked = sys.argv[1:]
    (wheel,) = distributions(path=[path])
    extras = wheel.metadata.get_all("Provides-Extra", []) if asked else []
    names = declared_names(wheel, extras)
    for entry in re.split(r"\n(?=\w)", Path(lock).read_text(encoding="utf-8")):
        if entry.split("==")[0] in names:
            sys.stdout.write(f"{entry}\n")


main()
