"""A guest becomes a user: one suite of behaviour, run in every framework."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from supertokens_guest import GuestConfig
from testkit.apps import KINDS, App, Kind, Told
from testkit.visitors import cleared

if TYPE_CHECKING:
    from testkit.fixtures import Serve, Visit

CART = {"cart": ["sku-1", "sku-2"], "note": "Grüße"}


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> Kind:
    """Return each framework in turn."""
    kind: Kind = request.param
    return kind


@pytest.fixture
def app(serve: Serve, kind: Kind, told: Told) -> App:
    """Serve an app that notes what it is told."""
    config = GuestConfig(on_transfer=told.on_transfer, on_event=told.on_event)
    return serve(config, kind=kind)


def test_sign_up(app: App, visit: Visit, told: Told) -> None:
    """A guest who signs up finds the data in the session, once, and is gone."""
    visitor = visit(app)
    token = visitor.become_guest(CART, "G-1")

    answer = visitor.sign_up()

    assert "OK" == answer.json()["status"]
    assert {"sub": "G-1", **CART} == visitor.me()["guest"]
    assert ["G-1"] == [transfer.guest.id for transfer in told.transfers]
    assert cleared(answer)
    assert visitor.guest_cookie is None
    assert token is not None
