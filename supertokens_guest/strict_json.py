"""JSON read as RFC 8259 wants it sent: one text, one meaning.

Python's own reader lets pass what other readers refuse or read differently: a name
twice, ``NaN``, numbers that overflow to infinity, half a surrogate pair, UTF-16 that is
guessed from the first bytes, nesting down to the end of the stack. What is signed must
mean the same to everybody who checks it, so all of these are errors here.
"""

from __future__ import annotations

import json
import math
from typing import Any, NoReturn

from supertokens_guest.claims import MAX_DEPTH

_WHITESPACE = " \t\n\r"


def parse(data: bytes) -> Any:
    """Return the value that *data* holds.

    Args:
        data: UTF-8 without a byte order mark (RFC 8259, 8.1), not yet trusted.

    Returns:
        Dicts, lists, strings, finite numbers, booleans and ``None``; at most
        ``MAX_DEPTH`` containers inside one another.

    Raises:
        ValueError: It is not strict JSON. The message does not quote it.
    """
    try:
        text = data.decode().lstrip(_WHITESPACE)
        value, end = _DECODER.raw_decode(text)
        if end != len(text) and text[end:].strip(_WHITESPACE):
            raise ValueError("something follows the value")
        # Looking is cheap; what must be looked at closer is rare: most payloads are
        # flat, and the core escapes no more than it must.
        if data.find(b"{", 1) > 0 or b"[" in data:
            _check_depth(value, MAX_DEPTH)
        if b"\\" in data:
            json.dumps(value, ensure_ascii=False).encode()  # refuses lone surrogates
    except RecursionError:
        raise ValueError("nested too deeply") from None
    return value


def _members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Make an object of its members, each name once (RFC 7515, 4; RFC 7519, 4)."""
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("a name appears twice in one object")
    return members


def _finite(digits: str) -> float:
    """Read a number with a fraction or exponent; ``1e400`` would become infinity."""
    number = float(digits)
    if math.isinf(number):
        raise ValueError("a number is too large")
    return number


def _refuse_constant(name: str) -> NoReturn:
    """Refuse ``NaN``, ``Infinity`` and ``-Infinity``, which JSON does not have."""
    raise ValueError(f"{name} is not JSON")


def _check_depth(value: object, levels: int) -> None:
    """Refuse *value* when it holds more than *levels* containers in one another."""
    if not isinstance(value, dict | list):
        return
    if levels == 0:
        raise ValueError("nested too deeply")
    for item in value.values() if isinstance(value, dict) else value:
        _check_depth(item, levels - 1)


_DECODER = json.JSONDecoder(
    object_pairs_hook=_members,
    parse_float=_finite,
    parse_constant=_refuse_constant,
)
