"""A request to the core, its fields, and the two forms of an answer.

Fields are read as the core reads them: a missing or ill-typed one is a 400 that names
it, and one-element arrays stand for their element, as its JSON library has it.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

PUBLIC_TENANT = "public"
MAX_DEPTH = 255  # levels of nesting that the core's JSON library reads
_WHOLE = re.compile(r"[+-]?[0-9]+")
_INT64_MIN, _INT64_MAX = -(2**63), 2**63 - 1


class RefusalError(Exception):
    """The core answers with a text and this status.

    Attributes:
        status: The HTTP status.
        text: The body, without its closing newline.
    """

    def __init__(self, status: int, text: str) -> None:
        """Remember what to answer."""
        super().__init__(f"{status} {text}")
        self.status = status
        self.text = text


@dataclass(frozen=True, slots=True)
class Answer:
    """What goes out: status, body and headers."""

    status: int
    body: bytes
    headers: dict[str, str]


def json_answer(value: Mapping[str, Any], **headers: str) -> Answer:
    """Answer 200 with *value*; an underscore in a header's name becomes a dash."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    more = {name.replace("_", "-"): value for name, value in headers.items()}
    return Answer(
        200,
        # A lone surrogate becomes "?", as in Java.
        text.encode("utf-8", "replace") + b"\n",
        {"Content-Type": "application/json;charset=UTF-8", **more},
    )


def text_answer(text: str, status: int = 200) -> Answer:
    """Answer with a line of text: every error and ``/hello`` are one."""
    headers = {"Content-Type": "text/html;charset=UTF-8"}
    return Answer(status, f"{text}\n".encode("utf-8", "replace"), headers)


@dataclass(frozen=True)
class Call:
    """One request, as far as an endpoint needs it.

    Attributes:
        query: Each parameter's first value.
        headers: By lower-case name.
        tenant_id: From the path; ``public`` when it names none.
        version: Of the core's interface (CDI) that the caller speaks.
    """

    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes
    tenant_id: str = PUBLIC_TENANT
    version: tuple[int, ...] = (5, 4)

    @cached_property
    def fields(self) -> dict[str, Any]:
        """The JSON object in the body.

        Raises:
            RefusalError: It is not one, or nested more than 255 deep.
        """
        try:
            value = json.loads(self.body.decode())
        except (ValueError, RecursionError):
            value = None
        if not isinstance(value, dict) or is_deeper_than(value, MAX_DEPTH):
            raise RefusalError(400, "Invalid Json Input")
        return value

    def parameter(self, name: str) -> str:
        """Return a query parameter that must be there."""
        if name not in self.query:
            message = f"Field name '{name}' is missing in GET request"
            raise RefusalError(400, message)
        return self.query[name]

    def names(self, parameter: str) -> list[str]:
        """Return a comma-separated query parameter as a list; empty when missing."""
        values = self.query.get(parameter, "").split(",")
        return [value.strip() for value in values if value.strip()]

    def text(self, name: str) -> str:
        """Return a string field."""
        value = _single(self.fields.get(name))
        if not isinstance(value, str):
            raise _invalid(name)
        return value

    def text_or_none(self, name: str) -> str | None:
        """Return a string field that may be missing, but not be null."""
        return self.text(name) if name in self.fields else None

    def flag(self, name: str) -> bool:
        """Return a Boolean field; a number counts as false."""
        value = _single(self.fields.get(name))
        if not isinstance(value, bool | int | float):
            raise _invalid(name)
        return value is True

    def flag_or_none(self, name: str) -> bool | None:
        """Return a Boolean field that may be missing, but not be null."""
        return self.flag(name) if name in self.fields else None

    def whole_number(self, name: str) -> int:
        """Return a 64-bit integer field; digits in a string and fractions are read."""
        value = _single(self.fields.get(name))
        if isinstance(value, str) and _WHOLE.fullmatch(value):
            value = int(value)
            if not _INT64_MIN <= value <= _INT64_MAX:
                raise _invalid(name)
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise _invalid(name)
        try:
            number = int(value)
        except (ValueError, OverflowError):
            raise _invalid(name) from None
        # More than 64 bits wrap around, as in Java.
        return (number - _INT64_MIN) % 2**64 + _INT64_MIN

    def mapping(self, name: str) -> dict[str, Any]:
        """Return a field that is a JSON object."""
        value = self.fields.get(name)
        if not isinstance(value, dict):
            raise _invalid(name)
        return value

    def mapping_or_none(self, name: str) -> dict[str, Any] | None:
        """Return a JSON object that may be missing, but not be null."""
        return self.mapping(name) if name in self.fields else None

    def nested(self, name: str) -> Call:
        """Return a field that is a JSON object, to read its fields."""
        inner = Call(self.query, self.headers, b"", self.tenant_id, self.version)
        vars(inner)["fields"] = self.mapping(name)
        return inner

    def texts(self, name: str) -> list[str]:
        """Return a field that is an array of strings."""
        values = self.fields.get(name)
        if not isinstance(values, list):
            raise _invalid(name)
        texts = [_single(value) for value in values]
        if not all(isinstance(text, str) for text in texts):
            raise _invalid(name)
        return texts


def is_deeper_than(value: Any, levels: int) -> bool:
    """Return whether objects and arrays are nested more than *levels* deep."""
    layer = [value]
    for _ in range(levels + 1):
        containers = [item for item in layer if isinstance(item, dict | list)]
        if not containers:
            return False
        layer = [
            child
            for item in containers
            for child in (item.values() if isinstance(item, dict) else item)
        ]
    return True


def _single(value: Any) -> Any:
    while isinstance(value, list) and len(value) == 1:
        value = value[0]
    return value


def _invalid(name: str) -> RefusalError:
    return RefusalError(400, f"Field name '{name}' is invalid in JSON input")
