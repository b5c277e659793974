"""Hooks as the documentation says to write them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from asgiref.sync import sync_to_async
from django.utils.asyncio import async_unsafe

from supertokens_guest import GuestConfig, GuestTransfer

if TYPE_CHECKING:
    from testkit.apps import Kind, Told
    from testkit.fixtures import Serve, Visit


@pytest.mark.parametrize("kind", ["django", "django-asgi"])
def test_a_hook_with_djangos_orm(
    serve: Serve, visit: Visit, told: Told, kind: Kind
) -> None:
    """In a thread it works; on the loop Django refuses, and the guest is kept."""
    saved: list[str] = []

    @async_unsafe("as each query of the ORM is")  # type: ignore[untyped-decorator]  # Django has no types
    def query(transfer: GuestTransfer) -> None:
        saved.append(transfer.guest.id)

    async def hook(transfer: GuestTransfer) -> None:
        await sync_to_async(query)(transfer)

    def login(on_transfer: Any) -> str | None:
        config = GuestConfig(on_transfer=on_transfer, on_event=told.on_event)
        visitor = visit(serve(config, kind=kind))
        visitor.become_guest({"cart": [1]}, "G-1")
        assert "OK" == visitor.sign_up().json()["status"]
        return visitor.guest_cookie

    assert login(query)
    assert [] == saved
    assert ("transfer-failed", "hook") in told.codes()
    assert not login(hook)
    assert ["G-1"] == saved
