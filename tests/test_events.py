"""What is told to the app and to the log."""

from __future__ import annotations

import logging

import pytest

from supertokens_guest import GuestEvent
from supertokens_guest.events import shown, tell

EVENT = GuestEvent(code="transfer", guest_id="G-1")


def test_an_event_reaches_the_app() -> None:
    """As it is."""
    heard: list[GuestEvent] = []
    tell(heard.append, EVENT)
    tell(None, EVENT)

    assert [EVENT] == heard


def test_an_error_in_the_apps_function_is_only_logged(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Metrics must not break a login."""

    def broken(event: GuestEvent) -> None:
        raise RuntimeError("no metrics today")

    with caplog.at_level(logging.ERROR, "supertokens_guest"):
        tell(broken, EVENT)

    assert ["on_event raised for the event transfer"] == caplog.messages


def test_s10_what_comes_from_outside_is_escaped_and_cut() -> None:
    """No line of the log can be forged, and none is endless."""
    assert "'a\\nb'" == shown("a\nb")
    assert 64 == len(shown("x" * 1_000))
