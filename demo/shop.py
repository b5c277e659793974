"""The web app: one page, the cart, and SuperTokens' own routes under ``/auth``.

A guest's cart is the payload of the guest's JWT; a user's cart is in the database.
"""

# No "from __future__ import annotations": FastAPI reads the annotations.
from pathlib import Path
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, FastAPI, HTTPException, Request, Response
from fastapi.responses import FileResponse
from fastapi.staticfiles import StaticFiles
from pydantic import BaseModel, Field
from starlette.concurrency import run_in_threadpool
from supertokens_python.framework.fastapi import get_middleware
from supertokens_python.recipe.session import SessionContainer
from supertokens_python.recipe.session.framework.fastapi import verify_session

from demo.carts import Carts
from demo.one_address import OneAddress
from demo.problems import add_problem_handlers
from demo.products import MAX_QUANTITY, PRODUCTS, Product, cart_of
from supertokens_guest.asyncio import (
    create_guest_jwt,
    get_guest,
    transfer_guest,
    update_guest_jwt,
    verify_guest_jwt,
)
from supertokens_guest import set_guest_cookie

_STATIC = Path(__file__).with_name("static")

router = APIRouter(prefix="/api")


class Visit(BaseModel):
    """Who is looking at the page, and what is in the cart.

    Attributes:
        kind: "new" is a visitor who has no guest JWT yet.
        id: The guest's or the user's id.
        was_guest: Whose data this session took over when it began.
        cart: Quantities by product id.
    """

    kind: Literal["new", "guest", "user"]
    id: str | None = None
    was_guest: str | None = None
    cart: dict[str, int] = {}


class Wish(BaseModel):
    """How many of a product the cart shall hold.

    The number itself and not "one more", so that asking twice is asking once: the page
    repeats a request after it refreshed its session.
    """

    quantity: int = Field(ge=0, le=MAX_QUANTITY, strict=True)


def users_carts(request: Request) -> Carts:
    """Return the database that the app was made with."""
    carts: Carts = request.app.state.carts
    return carts


async def current_session(
    request: Request,
    session: Annotated[
        SessionContainer | None, Depends(verify_session(session_required=False))
    ],
) -> SessionContainer | None:
    """Return the visitor's login session, with everything in it that was a guest's.

    An expired session is a 401 here, not a guest: the page refreshes it and asks again.
    """
    if session is not None:
        # The login has done this already, unless it could not: the core's keys were out
        # of reach, or the database was. Without a guest cookie it costs nothing.
        await transfer_guest(request, session)
    return session


def from_a_script(request: Request) -> None:
    """Refuse what a form of another site could send.

    A page of another origin cannot add this header without asking us first, by CORS,
    and this shop allows nobody. The session cookies are ``SameSite=Lax`` on top of it.
    """
    if "rid" not in request.headers:
        raise HTTPException(403, "This request needs the header rid.")


def private(response: Response) -> None:
    """Keep what is one visitor's out of every cache."""
    response.headers["Cache-Control"] = "private, no-store"


SessionOrNone = Annotated[SessionContainer | None, Depends(current_session)]
UsersCarts = Annotated[Carts, Depends(users_carts)]


@router.get("/products")
def list_products() -> list[Product]:
    """Return what there is to buy."""
    return list(PRODUCTS.values())


@router.get("/cart", dependencies=[Depends(private)])
async def show_cart(
    request: Request, session: SessionOrNone, carts: UsersCarts
) -> Visit:
    """Return the visitor's cart. Looking makes nobody a guest."""
    if session is not None:
        return await _users_visit(session, carts)
    guest = await get_guest(request)
    if guest is None:
        return Visit(kind="new")
    return Visit(kind="guest", id=guest.id, cart=cart_of(guest.payload))


@router.put(
    "/cart/{product_id}", dependencies=[Depends(from_a_script), Depends(private)]
)
async def change_cart(  # noqa: PLR0913, PLR0917 - FastAPI passes them by name
    request: Request,
    response: Response,
    product_id: str,
    wish: Wish,
    session: SessionOrNone,
    carts: UsersCarts,
) -> Visit:
    """Have the visitor's cart hold so many of a product; 0 takes it out."""
    if product_id not in PRODUCTS:
        raise HTTPException(404, "There is no such product.")
    if session is None:
        return await _change_guests_cart(request, response, product_id, wish.quantity)
    await run_in_threadpool(
        carts.set_quantity, session.get_user_id(), product_id, wish.quantity
    )
    return await _users_visit(session, carts)


async def _users_visit(session: SessionContainer, carts: Carts) -> Visit:
    """Describe a user's visit."""
    user_id = session.get_user_id()
    came_along = session.get_access_token_payload().get("guest", {})
    return Visit(
        kind="user",
        id=user_id,
        was_guest=came_along.get("sub"),
        cart=await run_in_threadpool(carts.cart, user_id),
    )


async def _change_guests_cart(
    request: Request, response: Response, product_id: str, quantity: int
) -> Visit:
    """Put a new guest JWT with the changed cart into the guest's cookie.

    The old cookie stays as it is until the new one is complete, so nothing is lost when
    the cart has grown too large (``PayloadTooLargeError``) or the core does not answer.
    """
    guest = await get_guest(request)
    cart = {} if guest is None else cart_of(guest.payload)
    cart[product_id] = quantity
    cart = {name: number for name, number in cart.items() if number > 0}
    if guest is None:
        token = await create_guest_jwt({"cart": cart})
    else:
        token = await update_guest_jwt(guest, {**guest.payload, "cart": cart})
    if not set_guest_cookie(response, token, request):
        raise HTTPException(
            409, "Another app at this address uses the cookie in which the cart goes."
        )
    # Costs nothing: the package checked the token before it handed it out.
    guest = await verify_guest_jwt(token)
    return Visit(kind="guest", id=guest.id, cart=cart)


def create_shop(address: str, carts: Carts) -> FastAPI:
    """Return the app; SuperTokens must have been initialised.

    Args:
        address: Where browsers find it, such as ``http://127.0.0.1:8000``.
        carts: Where users' carts are kept.
    """
    app = FastAPI(title="Guest shop")
    app.state.carts = carts
    app.include_router(router)
    app.mount("/static", StaticFiles(directory=_STATIC), name="static")

    @app.get("/", include_in_schema=False)
    def page() -> FileResponse:
        return FileResponse(
            _STATIC / "index.html",
            headers={
                # Every visit asks whether the page has changed, so that a new page
                # never meets an old script.
                "Cache-Control": "no-cache",
                # Nothing from elsewhere, no script in the page itself.
                "Content-Security-Policy": "default-src 'self'; frame-ancestors 'none'",
            },
        )

    add_problem_handlers(app)
    app.add_middleware(get_middleware())
    app.add_middleware(OneAddress, address=address)
    return app
