"""What the shop sells, and what a cart may hold."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

MAX_QUANTITY = 20
"""The most of one product in a cart."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Product:
    """Something to buy.

    Attributes:
        id: Its name in carts and addresses. A guest carries it in a cookie, so it is no
            longer than it has to be.
        name: What the visitor reads.
        shape: Which drawing the page shows.
        glaze: In which colour.
        price_cents: What one costs, in cents of a euro.
    """

    id: str
    name: str
    shape: str
    glaze: str
    price_cents: int


_SHAPES = {"mug": 1800, "bowl": 2400, "plate": 2200, "vase": 4500}
_GLAZES = ("cobalt", "celadon", "terracotta", "charcoal")

PRODUCTS = {
    product.id: product
    for product in (
        Product(
            id=f"stoneware-{shape}-{glaze}",
            name=f"{glaze.capitalize()} {shape}",
            shape=shape,
            glaze=glaze,
            price_cents=price_cents,
        )
        for shape, price_cents in _SHAPES.items()
        for glaze in _GLAZES
    )
}
"""Everything there is, by id, in the order of the page."""


def cart_of(payload: Mapping[str, Any]) -> dict[str, int]:
    """Return the cart in a guest's payload, as quantities by product id.

    The payload is as we signed it, but that may be years ago: since then products went
    and rules changed, so it is read as carefully as anything that comes in.
    """
    cart = payload.get("cart")
    if not isinstance(cart, dict):
        return {}
    return {
        product_id: min(quantity, MAX_QUANTITY)
        for product_id, quantity in cart.items()
        if product_id in PRODUCTS and type(quantity) is int and quantity > 0
    }
