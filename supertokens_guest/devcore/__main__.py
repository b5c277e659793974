"""``python -m supertokens_guest.devcore``: the dev core alone, until Ctrl-C."""

from __future__ import annotations

import argparse
import sys
import threading
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
        core = DevCore(
            host=options.host,
            port=options.port,
            api_key=options.api_key,
            keys_file=options.keys,
            allow_remote=options.allow_remote,
        )
        core.start()
    except (DevCoreError, KeyFileError) as error:
        return _refuse(str(error))
    kept = f"; its keys are kept in {options.keys}" if options.keys else ""
    _say(f"SuperTokens dev core at {core.url}")
    _say(f"For development and tests only: it forgets all when it ends{kept}.")
    _say("Ctrl-C ends it.")
    try:
        threading.Event().wait()
    except KeyboardInterrupt:
        core.stop()
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m supertokens_guest.devcore",
        description="An in-memory SuperTokens core, for development and tests only.",
    )
    parser.add_argument("--host", default="127.0.0.1", help="a loopback address")
    parser.add_argument("--port", type=int, default=3567, help="0: a free one")
    parser.add_argument(
        "--api-key", help="what callers must send; 20 or more of A-Z a-z 0-9 = -"
    )
    parser.add_argument(
        "--keys",
        type=Path,
        metavar="FILE",
        help="keeps the signing keys, so that tokens outlive a restart",
    )
    parser.add_argument(
        "--allow-remote",
        action="store_true",
        help="let --host be reachable from other machines",
    )
    return parser


def _refuse(why: str) -> int:
    sys.stderr.write(f"dev core: {why}\n")
    return USAGE_STATUS


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
