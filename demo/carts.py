"""The carts of users, in a small SQLite database.

A guest has no row here: its cart travels in its own cookie until it becomes a user.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

from demo.products import MAX_QUANTITY

_BUSY_SECONDS = 5.0

_SCHEMA = """
CREATE TABLE IF NOT EXISTS items (
    user_id TEXT NOT NULL,
    product_id TEXT NOT NULL,
    quantity INTEGER NOT NULL CHECK (quantity > 0),
    PRIMARY KEY (user_id, product_id)
);
CREATE TABLE IF NOT EXISTS transferred_guests (
    guest_id TEXT PRIMARY KEY,
    user_id TEXT NOT NULL,
    transferred_at TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP
);
"""


class Carts:
    """Users' carts; safe to use from several threads and processes.

    Every method waits for the disk, and up to five seconds for another writer: call
    them from a worker thread, never on an event loop.

    Each call opens a connection of its own. That costs a tenth of a millisecond, and
    nothing has to be said about which thread a connection belongs to. SQLite's default
    journal suits that: write-ahead logging is for connections that stay open.
    """

    def __init__(self, file: Path) -> None:
        """Open the database, and make the tables that are missing.

        Args:
            file: Where it is; made if missing.

        Raises:
            sqlite3.Error: *file* cannot be opened, or is no SQLite database.
        """
        self._file = file
        with self._connection() as connection:
            connection.executescript(_SCHEMA)

    def cart(self, user_id: str) -> dict[str, int]:
        """Return the user's cart, as quantities by product id."""
        with self._connection() as connection:
            rows = connection.execute(
                "SELECT product_id, quantity FROM items WHERE user_id = ?"
                " ORDER BY rowid",
                (user_id,),
            )
            return dict(rows.fetchall())

    def set_quantity(self, user_id: str, product_id: str, quantity: int) -> None:
        """Have the user's cart hold so many of a product; 0 takes it out."""
        with self._transaction() as connection:
            if quantity == 0:
                connection.execute(
                    "DELETE FROM items WHERE user_id = ? AND product_id = ?",
                    (user_id, product_id),
                )
            else:
                connection.execute(
                    "INSERT INTO items (user_id, product_id, quantity)"
                    " VALUES (?, ?, ?)"
                    " ON CONFLICT (user_id, product_id)"
                    " DO UPDATE SET quantity = excluded.quantity",
                    (user_id, product_id, quantity),
                )

    def take_over(self, guest_id: str, user_id: str, cart: Mapping[str, int]) -> bool:
        """Add a guest's cart to a user's, once in this guest's life.

        The same guest can come again: the browser repeats a login whose answer was
        lost, or somebody kept the cookie and brings it to another account. So the first
        user wins. The guest's row and the items are one transaction, because a row
        without its items would lose the cart, and items without the row would be added
        again.

        Args:
            guest_id: The guest's id.
            user_id: The user whom the guest became.
            cart: Quantities by product id.

        Returns:
            Whether the cart was added; ``False`` if this guest was here before.
        """
        with self._transaction() as connection:
            first = connection.execute(
                "INSERT INTO transferred_guests (guest_id, user_id) VALUES (?, ?)"
                " ON CONFLICT (guest_id) DO NOTHING",
                (guest_id, user_id),
            )
            if first.rowcount == 0:
                return False
            connection.executemany(
                "INSERT INTO items (user_id, product_id, quantity) VALUES (?, ?, ?)"
                " ON CONFLICT (user_id, product_id)"
                " DO UPDATE SET quantity = min(quantity + excluded.quantity, ?)",
                [
                    (user_id, product_id, quantity, MAX_QUANTITY)
                    for product_id, quantity in cart.items()
                ],
            )
            return True

    @contextmanager
    def _connection(self) -> Iterator[sqlite3.Connection]:
        """Open the database for one call."""
        # isolation_level=None: transactions begin where we say, not where the module
        # guesses from the SQL.
        connection = sqlite3.connect(
            self._file, timeout=_BUSY_SECONDS, isolation_level=None
        )
        with closing(connection):
            yield connection

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        """Write all of it, or nothing when an exception leaves the block."""
        with self._connection() as connection:
            # IMMEDIATE takes the write lock here, where waiting for it is safe. A
            # transaction that reads first and then wants to write may be refused at
            # once, without waiting.
            connection.execute("BEGIN IMMEDIATE")
            with connection:
                yield connection
