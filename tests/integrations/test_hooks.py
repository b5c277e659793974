"""Where and when the app's hook runs, in each framework."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING, Any

import pytest
from asgiref.sync import sync_to_async
from django.utils.asyncio import async_unsafe

from supertokens_guest import GuestConfig, GuestEvent, GuestTransfer

if TYPE_CHECKING:
    from testkit.apps import Kind, Told
    from testkit.fixtures import Serve, Visit

CART = {"cart": ["sku-1"]}
BLOCKING: tuple[Kind, ...] = ("flask", "django", "django-asgi")
"""Where a plain hook runs when the answer is made."""


@pytest.mark.parametrize("kind", ["flask", "django"])
@pytest.mark.parametrize("late", [False, True])
def test_a_plain_hook_runs_in_the_requests_thread(
    serve: Serve, visit: Visit, told: Told, kind: Kind, late: bool
) -> None:
    """Where the view ran, at the login and later, and with no event loop running."""
    threads: list[threading.Thread] = []
    loops: list[object] = []

    def on_event(event: GuestEvent) -> None:
        if event.code == "issue":  # told by the view itself
            threads.append(threading.current_thread())

    def on_transfer(transfer: GuestTransfer) -> None:
        threads.append(threading.current_thread())
        loops.append(asyncio._get_running_loop())
        told.on_transfer(transfer)

    told.failures = int(late)
    config = GuestConfig(on_transfer=on_transfer, on_event=on_event)
    visitor = visit(serve(config, kind=kind))
    visitor.become_guest(CART)

    visitor.sign_up()
    visitor.action("transfer")

    assert [CART] == [transfer.moved for transfer in told.transfers]
    assert 2 + late == len(threads)
    assert 1 == len(set(threads))
    assert {None} == set(loops)


@pytest.mark.parametrize("kind", ["django", "django-asgi"])
@pytest.mark.parametrize("way", ["plain", "coroutine"])
@pytest.mark.parametrize("late", [False, True])
def test_a_hook_with_djangos_orm(  # noqa: PLR0917 - fixtures
    serve: Serve, visit: Visit, told: Told, kind: Kind, way: str, late: bool
) -> None:
    """It works as in a view, in a plain hook and in a thread of a coroutine's."""

    @async_unsafe("as each query of the ORM is")  # type: ignore[untyped-decorator]  # Django has no types
    def query(transfer: GuestTransfer) -> None:
        told.on_transfer(transfer)

    async def hook(transfer: GuestTransfer) -> None:
        await sync_to_async(query)(transfer)

    told.failures = int(late)
    on_transfer: Any = query if way == "plain" else hook
    visitor = visit(serve(GuestConfig(on_transfer=on_transfer), kind=kind))
    visitor.become_guest(CART)

    visitor.sign_up()
    if late:
        assert visitor.guest_cookie
        visitor.action("transfer")

    assert visitor.guest_cookie is None
    assert [CART] == [transfer.moved for transfer in told.transfers]


@pytest.mark.parametrize("kind", BLOCKING)
@pytest.mark.parametrize("late", [False, True])
def test_what_a_plain_hook_returns_is_awaited(
    serve: Serve, visit: Visit, told: Told, kind: Kind, late: bool
) -> None:
    """A function around a coroutine function is a plain one, and works as well."""

    async def save(transfer: GuestTransfer) -> None:
        await asyncio.sleep(0)
        told.on_transfer(transfer)

    def hook(transfer: GuestTransfer) -> Any:
        return save(transfer)

    told.failures = int(late)
    visitor = visit(serve(GuestConfig(on_transfer=hook), kind=kind))
    visitor.become_guest(CART)

    visitor.sign_up()
    visitor.action("transfer")

    assert [CART] == [transfer.moved for transfer in told.transfers]


@pytest.mark.parametrize("kind", BLOCKING)
def test_a_plain_hook_runs_once_in_a_request(
    serve: Serve, visit: Visit, told: Told, kind: Kind
) -> None:
    """For the session that is there at the end, of all that the view made."""
    visitor = visit(serve(told.config(), kind=kind))
    visitor.become_guest(CART)

    visitor.login(times=2)

    (transfer,) = told.transfers
    assert transfer.session is not None
    assert visitor.me()["sessionHandle"] == transfer.session.get_handle()
    assert visitor.guest_cookie is None


@pytest.mark.parametrize("kind", BLOCKING)
def test_a_plain_hook_does_not_run_for_a_session_that_is_over(
    serve: Serve, visit: Visit, told: Told, kind: Kind
) -> None:
    """A view that revokes what it has just made keeps the guest for the next login."""
    visitor = visit(serve(told.config(), kind=kind))
    token = visitor.become_guest(CART)

    visitor.login("u", revoke=True)

    assert [] == told.transfers
    assert token == visitor.guest_cookie


@pytest.mark.parametrize("kind", BLOCKING)
@pytest.mark.parametrize("settings", [{}, {"transfer": ()}], ids=["all", "nothing"])
def test_what_a_hook_is_given_is_plain(
    serve: Serve, visit: Visit, told: Told, kind: Kind, settings: dict[str, Any]
) -> None:
    """Dicts and lists of its own, also when nothing moves."""
    config = told.config(transfer_to="session_data_in_database", **settings)
    visitor = visit(serve(config, kind=kind))
    visitor.become_guest(CART)

    visitor.login()

    (transfer,) = told.transfers
    given = (transfer.guest.payload, transfer.moved, transfer.dropped)
    assert {dict} == set(map(type, given))
    assert (CART, {} if settings else CART, {}) == given
