"""The users' carts: what must hold when a guest's cart is taken over."""

from __future__ import annotations

import sqlite3
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import TYPE_CHECKING

import pytest

from demo.carts import Carts
from demo.products import MAX_QUANTITY

if TYPE_CHECKING:
    from pathlib import Path

MUG, BOWL = "stoneware-mug-cobalt", "stoneware-bowl-cobalt"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Return where a database may be made."""
    return tmp_path / "carts.db"


@pytest.fixture
def carts(file: Path) -> Carts:
    """Return an empty database."""
    return Carts(file)


def test_a_user_without_a_cart_has_an_empty_one(carts: Carts) -> None:
    """Nobody has to make a cart first."""
    assert {} == carts.cart("ada")


def test_quantities_are_kept_by_user_and_product(carts: Carts) -> None:
    """A quantity replaces the one before; other users' carts are not touched."""
    carts.set_quantity("ada", MUG, 1)
    carts.set_quantity("ada", MUG, 3)
    carts.set_quantity("ada", BOWL, 1)
    carts.set_quantity("bob", MUG, 5)
    assert {MUG: 3, BOWL: 1} == carts.cart("ada")
    assert {MUG: 5} == carts.cart("bob")


def test_zero_takes_a_product_out(carts: Carts) -> None:
    """Also one that was not in the cart."""
    carts.set_quantity("ada", MUG, 1)
    carts.set_quantity("ada", MUG, 0)
    carts.set_quantity("ada", BOWL, 0)
    assert {} == carts.cart("ada")


def test_carts_outlive_the_process(file: Path, carts: Carts) -> None:
    """Opening a database again finds what is in it."""
    carts.set_quantity("ada", MUG, 2)
    assert {MUG: 2} == Carts(file).cart("ada")


def test_a_guests_cart_is_added_to_the_users(carts: Carts) -> None:
    """What both have is added up, to the most that a cart may hold."""
    carts.set_quantity("ada", MUG, 2)
    carts.set_quantity("ada", BOWL, MAX_QUANTITY - 1)
    assert carts.take_over("G-1", "ada", {MUG: 1, BOWL: 2})
    assert {MUG: 3, BOWL: MAX_QUANTITY} == carts.cart("ada")


def test_a_guest_is_taken_over_once(carts: Carts) -> None:
    """The same transfer again changes nothing, whatever the cart says then."""
    carts.take_over("G-1", "ada", {MUG: 1})
    assert not carts.take_over("G-1", "ada", {MUG: 1, BOWL: 1})
    assert {MUG: 1} == carts.cart("ada")


def test_the_first_user_wins(carts: Carts) -> None:
    """A guest that was somebody's does not become somebody else's."""
    carts.take_over("G-1", "ada", {MUG: 1})
    assert not carts.take_over("G-1", "bob", {MUG: 1})
    assert {} == carts.cart("bob")


def test_an_empty_cart_is_taken_over_too(carts: Carts) -> None:
    """A guest is spent by its first user even if it brought nothing."""
    assert carts.take_over("G-1", "ada", {})
    assert not carts.take_over("G-1", "bob", {MUG: 1})


def test_another_guest_of_the_same_user_is_added(carts: Carts) -> None:
    """A user who comes back as a guest and signs in brings that cart as well."""
    carts.take_over("G-1", "ada", {MUG: 1})
    assert carts.take_over("G-2", "ada", {MUG: 1})
    assert {MUG: 2} == carts.cart("ada")


def test_of_logins_at_the_same_time_one_gets_the_cart(file: Path, carts: Carts) -> None:
    """Eight users bring one guest together: one has the cart, the others nothing."""
    users = [f"user-{number}" for number in range(8)]
    together = Barrier(len(users))

    def sign_in(user: str) -> bool:
        own = Carts(file)
        together.wait()
        return own.take_over("G-1", user, {MUG: 1, BOWL: 2})

    with ThreadPoolExecutor(len(users)) as pool:
        took = list(pool.map(sign_in, users))
    assert 1 == took.count(True)
    winner = users[took.index(True)]
    assert {MUG: 1, BOWL: 2} == carts.cart(winner)
    assert all(carts.cart(user) == {} for user in users if user != winner)


def test_changes_at_the_same_time_are_all_kept(file: Path, carts: Carts) -> None:
    """Eight guests become one user together: no cart is lost."""
    together = Barrier(8)

    def sign_in(number: int) -> bool:
        own = Carts(file)
        together.wait()
        return own.take_over(f"G-{number}", "ada", {MUG: 1})

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(sign_in, range(8)))
    assert {MUG: 8} == carts.cart("ada")


def test_a_take_over_that_fails_half_way_can_be_repeated(carts: Carts) -> None:
    """The guest is not marked as taken over unless its items were added."""
    with pytest.raises(sqlite3.IntegrityError):
        carts.take_over("G-1", "ada", {MUG: 1, BOWL: 0})
    assert {} == carts.cart("ada")
    assert carts.take_over("G-1", "ada", {MUG: 1})
