"""``python -m supertokens_guest.devcore``: the dev core alone, until Ctrl-C."""

from __future__ import annotations

import argparse
import sys
import threading
from contextlib import suppress
from pathlib import Path

USAGE_STATUS = 2


def main(arguments: list[str] | None = None) -> int:
    """Run the dev core in the foreground.

    Args:
        arguments: Those of the command line, without the program's name.

    Returns:
        The exit status: 0 after Ctrl-C, 2 when it could not start.
    """
    options = _parser().parse_args(arguments)
    try:
        from . import DevCore, DevCoreError, KeyFileError
    except ModuleNotFoundError as error:
        return _refuse(str(error))
    try:
        core = DevCore(**vars(options))
        core.start()
    except (DevCoreError, KeyFileError) as error:
        return _refuse(str(error))
    kept = f"; its keys are kept in {options.keys_file}" if options.keys_file else ""
    sys.stdout.write(
        f"SuperTokens dev core at {core.url}\n"
        f"For development and tests only: it forgets all when it ends{kept}.\n"
        "Ctrl-C ends it.\n"
    )
    sys.stdout.flush()
    with suppress(KeyboardInterrupt):
        threading.Event().wait()
    core.stop()
    return 0


def _refuse(why: str) -> int:
    sys.stderr.write(f"dev core: {why}\n")
    return USAGE_STATUS


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m supertokens_guest.devcore",
        description="An in-memory SuperTokens core, for development and tests only.",
    )
    add = parser.add_argument
    add("--host", default="127.0.0.1", help="a loopback address")
    add("--port", type=int, default=3567, help="0: a free one")
    add("--api-key", help="what callers must send; 20 or more of A-Z a-z 0-9 = -")
    outlive = "keeps the signing keys, so that tokens outlive a restart"
    add("--keys", dest="keys_file", type=Path, metavar="FILE", help=outlive)
    shorter = "by up to which part new access tokens live shorter; core 12.1 has 0.05"
    jitter = "--access-token-validity-jitter"
    add(jitter, type=float, default=0.0, metavar="FRACTION", help=shorter)
    remote = "let --host be reachable from other machines"
    add("--allow-remote", action="store_true", help=remote)
    return parser


if __name__ == "__main__":
    sys.exit(main())
