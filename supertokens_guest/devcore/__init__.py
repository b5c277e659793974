"""An in-memory SuperTokens core over real HTTP, for tests and demos.

A separate part: nothing else of the package imports it, and it imports nothing else of
the package. It needs the extra ``devcore`` (Starlette and uvicorn), which is loaded
when `DevCore` is first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .answers import Answer
    from .faults import Fault
    from .keys import KeyFileError
    from .listening import DevCoreError
    from .routing import RecordedRequest
    from .server import DevCore

__all__ = [
    "Answer",
    "DevCore",
    "DevCoreError",
    "Fault",
    "KeyFileError",
    "RecordedRequest",
]

_HOMES = {
    "Answer": "answers",
    "DevCore": "server",
    "DevCoreError": "listening",
    "Fault": "faults",
    "KeyFileError": "keys",
    "RecordedRequest": "routing",
}


def __getattr__(name: str) -> Any:
    """Load what is asked for, so that importing this package costs nothing."""
    if name not in _HOMES:
        message = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(message)
    try:
        return getattr(import_module(f".{_HOMES[name]}", __name__), name)
    except ModuleNotFoundError as error:
        if error.name not in {"starlette", "uvicorn"}:
            raise
        message = "the dev core needs: pip install 'supertokens-guest[devcore]'"
        raise ModuleNotFoundError(message, name=error.name) from error
