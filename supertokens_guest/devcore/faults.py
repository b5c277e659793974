"""Faults on demand, so that a test can see what its app does then."""

from __future__ import annotations

import json
import threading
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from .call import Answer, text_answer

FaultKind: TypeAlias = Literal[
    "slow", "drip", "hang_up", "redirect", "500", "429", "html", "empty_keys", "answer"
]


@dataclass(eq=False)
class Fault:
    """One fault, as long as it lasts.

    Attributes:
        times: For how many more requests; None for all until it is lifted.
        wait_seconds: Before the answer.
        drip_seconds: Between two bytes of the answer, headers included.
        hangs_up: Whether the connection is closed instead of an answer.
        answer: Instead of the core's own.
    """

    route: str | None = None
    method: str | None = None
    times: int | None = None
    wait_seconds: float = 0.0
    drip_seconds: float | None = None
    hangs_up: bool = False
    answer: Answer | None = None

    def meets(self, method: str, route: str) -> bool:
        """Return whether the fault is for this request."""
        return (
            self.times != 0
            and self.route in {None, route}
            and self.method in {None, method}
        )


def make_fault(
    kind: FaultKind, *, seconds: float, location: str, answer: Answer | None
) -> Fault:
    """Return a fault of a kind that has a name.

    Raises:
        ValueError: There is no such kind, or ``answer`` came without one.
    """
    html = {"Content-Type": "text/html"}
    answers = {
        "redirect": Answer(302, b"", {"Location": location}),
        "500": text_answer("java.lang.RuntimeException: a fault was asked for", 500),
        "429": text_answer("Too many requests", 429),
        "html": Answer(200, b"<!doctype html><title>A proxy's page</title>", html),
        "empty_keys": Answer(
            200,
            json.dumps({"keys": []}).encode(),
            {"Content-Type": "application/json;charset=UTF-8"},
        ),
    }
    if kind == "slow":
        return Fault(wait_seconds=seconds)
    if kind == "drip":
        return Fault(drip_seconds=seconds)
    if kind == "hang_up":
        return Fault(hangs_up=True)
    if kind == "answer" and answer is not None:
        return Fault(answer=answer)
    if kind in answers:
        return Fault(answer=answers[kind])
    message = f"there is no fault {kind!r}, or it lacks an answer"
    raise ValueError(message)


@dataclass
class Faults:
    """The faults in force; the oldest that meets a request is the one it gets."""

    _active: list[Fault] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, fault: Fault) -> None:
        """Put a fault in force."""
        with self._lock:
            self._active.append(fault)

    def lift(self, fault: Fault | None = None) -> None:
        """End one fault, or all."""
        with self._lock:
            self._active = [
                other for other in self._active if fault not in {None, other}
            ]

    def take(self, method: str, route: str) -> Fault | None:
        """Return the fault that a request gets, and count it."""
        with self._lock:
            for fault in self._active:
                if fault.meets(method, route):
                    if fault.times is not None:
                        fault.times -= 1
                    return fault
        return None
