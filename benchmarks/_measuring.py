"""How the benchmarks measure: ratios to something else that is measured in turns.

Seconds depend on the machine; the ratio of two costs in one run hardly does. Other work
on the machine disturbs it, so a limit counts as exceeded only when several attempts in
a row exceed it.
"""

from __future__ import annotations

import statistics
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

ATTEMPTS = 5  # more would find the luckiest one


def ratio(
    subject: Callable[[int], float], baseline: Callable[[int], float], *, rounds: int
) -> float:
    """Return what *subject* costs, as a multiple of what *baseline* does.

    Args:
        subject: Does its work once and returns its cost, given the round's number.
        baseline: Likewise.
        rounds: How often each is called. They take turns, and take turns in beginning.

    Returns:
        The median of the rounds' ratios: what slows a round down slows both.
    """
    found = []
    for number in range(rounds):
        if number % 2:
            cost = subject(number)
            found.append(cost / baseline(number))
        else:
            base = baseline(number)
            found.append(subject(number) / base)
    return statistics.median(found)


class Limits:
    """Limits, whether they hold, and a line of output for each.

    Attributes:
        exceeded: How many did not hold.
    """

    def __init__(self, title: str) -> None:
        """Print *title*."""
        self.exceeded = 0
        print(title)

    def hold(self, what: str, limit: float, measure: Callable[[], float]) -> None:
        """Say whether *measure* returns at most *limit* in one of a few attempts."""
        found = [measure()]
        while min(found) > limit and len(found) < ATTEMPTS:
            found.append(measure())
        verdict = "ok" if min(found) <= limit else "EXCEEDED"
        if len(found) > 1:
            verdict += f" ({len(found)} attempts: up to {max(found):.3f})"
        print(f"  {min(found):6.3f} x, limit {limit:4.2f}  {what}: {verdict}")
        self.exceeded += min(found) > limit
