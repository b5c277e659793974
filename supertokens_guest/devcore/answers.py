"""The forms of an answer: JSON, a line of text, and what a rule raises instead of one.

Every error of the core is a line of text; what an SDK is meant to handle is JSON with a
``status`` that is not ``OK``.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, TypeAlias

Json: TypeAlias = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Answer:
    """What goes out: status, body and headers."""

    status: int
    body: bytes
    headers: dict[str, str]


class RefusalError(Exception):
    """A rule ends here, with another answer than the one it is for."""

    def __init__(self, answer: Answer) -> None:
        """Remember what to answer."""
        super().__init__(answer.body)
        self.answer = answer


def json_answer(value: Json, **headers: str) -> Answer:
    """Answer 200 with *value*; an underscore in a header's name becomes a dash."""
    more = {name.replace("_", "-"): value for name, value in headers.items()}
    headers = {"Content-Type": "application/json;charset=UTF-8", **more}
    return Answer(200, json_bytes(value) + b"\n", headers)


def json_bytes(value: Json) -> bytes:
    """Write JSON without escapes; as in Java, a lone surrogate becomes "?"."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return text.encode("utf-8", "replace")


def text_answer(text: str, status: int = 200) -> Answer:
    """Answer with a line of text."""
    headers = {"Content-Type": "text/html;charset=UTF-8"}
    return Answer(status, f"{text}\n".encode("utf-8", "replace"), headers)


def refusal(status: int, text: str) -> RefusalError:
    """Return an error to raise: this HTTP status, with a line of text."""
    return RefusalError(text_answer(text, status))


def outcome(status: str, **fields: Any) -> RefusalError:
    """Return an error to raise: JSON with this ``status``."""
    return RefusalError(json_answer({"status": status, **fields}))
