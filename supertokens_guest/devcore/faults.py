"""Faults on demand, so that a test can see what its app does then."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

from .answers import Answer, json_answer, text_answer

if TYPE_CHECKING:
    from .routing import RecordedRequest

FaultKind: TypeAlias = Literal[
    "slow", "drip", "hang_up", "redirect", "500", "429", "html", "empty_keys", "answer"
]


@dataclass(eq=False)
class Fault:
    """One fault, as long as it lasts.

    Attributes:
        route: Only for this one, without app and tenant.
        method: Only for this one.
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

    def meets(self, request: RecordedRequest) -> bool:
        """Return whether the fault is for this request."""
        return (
            self.times != 0
            and self.route in {None, request.route}
            and self.method in {None, request.method}
        )


def make_fault(
    kind: FaultKind, *, seconds: float, location: str, answer: Answer | None
) -> Fault:
    """Return a fault of a kind that has a name.

    Raises:
        ValueError: There is no such kind, or ``answer`` came without one.
    """
    page = b"<!doctype html><title>A proxy's page</title>"
    faults = {
        "slow": Fault(wait_seconds=seconds),
        "drip": Fault(drip_seconds=seconds),
        "hang_up": Fault(hangs_up=True),
        "redirect": Fault(answer=Answer(302, b"", {"Location": location})),
        "500": Fault(answer=text_answer("java.lang.RuntimeException: on demand", 500)),
        "429": Fault(answer=text_answer("Too many requests", 429)),
        "html": Fault(answer=Answer(200, page, {"Content-Type": "text/html"})),
        "empty_keys": Fault(answer=json_answer({"keys": []})),
        "answer": Fault(answer=answer),
    }
    if kind not in faults or (kind == "answer" and answer is None):
        raise ValueError(f"there is no fault {kind!r}, or it lacks an answer")
    return faults[kind]
