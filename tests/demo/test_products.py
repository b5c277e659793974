"""The catalogue, and how a guest's payload is read."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from demo.products import MAX_QUANTITY, PRODUCTS, cart_of

MUG = "stoneware-mug-cobalt"

_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


@pytest.mark.parametrize(
    ("cart", "expected"),
    [
        ({MUG: 2}, {MUG: 2}),
        ({MUG: MAX_QUANTITY + 5}, {MUG: MAX_QUANTITY}),
        ({"sold-out-long-ago": 1, MUG: 1}, {MUG: 1}),
        ({MUG: 0}, {}),
        ({MUG: -1}, {}),
        ({MUG: True}, {}),
        ({MUG: 1.5}, {}),
        ({MUG: "2"}, {}),
        ([MUG], {}),
        (None, {}),
    ],
)
def test_a_cart_is_read_with_care(cart: Any, expected: dict[str, int]) -> None:
    """What the shop does not sell, or no longer in that way, is left out."""
    assert expected == cart_of({"cart": cart})


@given(_JSON | st.dictionaries(st.sampled_from(list(PRODUCTS)), _JSON))
def test_any_payload_gives_a_cart_that_may_be(cart: Any) -> None:
    """Only products that there are, in quantities that are allowed."""
    read = cart_of({"cart": cart})
    assert read.keys() <= PRODUCTS.keys()
    assert all(0 < quantity <= MAX_QUANTITY for quantity in read.values())


def test_a_payload_without_a_cart_is_an_empty_cart() -> None:
    """A guest may hold other things."""
    assert {} == cart_of({"theme": "dark"})
