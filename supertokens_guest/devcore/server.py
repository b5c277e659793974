"""The dev core as a server in a thread: start, stop, and what a test asks of it."""

from __future__ import annotations

import re
import threading
import time
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from . import jwt
from .app import DevCoreApp
from .faults import Fault, FaultKind, make_fault
from .keys import KeyRing
from .listening import DevCoreError, Server, listen, resolve
from .storage import Core, Storage

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Iterator, Mapping

    from typing_extensions import Self

    from .answers import Answer
    from .routing import RecordedRequest

DAY_SECONDS = 24 * 3600
_API_KEY = re.compile(r"[A-Za-z0-9=-]{20,}")
_MAX_JITTER = 0.25
_START_SECONDS = 10.0


class DevCore:
    """An in-memory SuperTokens core over real HTTP, for tests and demos.

    It answers the SDKs 0.30 and 0.31 as cores 11.4 and 12 do; it keeps nothing on disk
    but, if asked, its signing keys, and hashes passwords cheaply. It is no place for
    anybody's data.

    Args:
        host: Where to listen; a loopback address unless *allow_remote*.
        port: 0 for a free one.
        api_key: What callers must send; at least 20 of ``A-Za-z0-9=-``.
        keys_file: Keeps the signing keys (mode 0600), so that tokens outlive a
            restart.
        access_token_validity_seconds: An hour, as in the core.
        access_token_validity_jitter: By up to which part of it the access tokens of
            new and refreshed sessions live shorter, at random: 0 to 0.25. A core from
            12.1 on has 0.05 unless it is told otherwise.
        refresh_token_validity_seconds: 100 days, as in the core; sessions last as
            long.
        clock: Seconds since the epoch, for tests that move time.
        allow_remote: Whether *host* may be reachable from other machines.

    Raises:
        DevCoreError: The API key is too short, the host is not loopback, or the jitter
            is too large.
        KeyFileError: *keys_file* cannot be used.
    """

    def __init__(
        self,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        api_key: str | None = None,
        keys_file: str | os.PathLike[str] | None = None,
        access_token_validity_seconds: int = 3600,
        access_token_validity_jitter: float = 0.0,
        refresh_token_validity_seconds: int = 100 * DAY_SECONDS,
        clock: Callable[[], float] = time.time,
        allow_remote: bool = False,
    ) -> None:
        """Make the keys; `start` listens."""
        if api_key is not None and not _API_KEY.fullmatch(api_key):
            message = "an API key has at least 20 characters, all of A-Z a-z 0-9 = -"
            raise DevCoreError(message)
        if not 0 <= access_token_validity_jitter <= _MAX_JITTER:
            message = f"the access token validity jitter is 0 to {_MAX_JITTER}"
            raise DevCoreError(message)
        self._address = resolve(host, allow_remote=allow_remote)
        self._port = port
        keys = KeyRing(
            clock=clock,
            access_token_validity_seconds=access_token_validity_seconds,
            file=None if keys_file is None else Path(keys_file),
        )
        self._core = Core(
            keys=keys,
            clock=clock,
            access_token_validity_seconds=access_token_validity_seconds,
            access_token_validity_jitter=access_token_validity_jitter,
            refresh_token_validity_seconds=refresh_token_validity_seconds,
            api_key=api_key,
        )
        self._app = DevCoreApp(self._core)
        self._server: Server | None = None
        self._thread: threading.Thread | None = None

    def __enter__(self) -> Self:
        """Start."""
        self.start()
        return self

    def __exit__(self, *exc_info: object) -> None:
        """Stop."""
        self.stop()

    @property
    def url(self) -> str:
        """The connection URI for ``SupertokensConfig``."""
        address = f"[{self._address}]" if ":" in self._address else self._address
        return f"http://{address}:{self._port}"

    @property
    def api_key(self) -> str | None:
        """The API key for ``SupertokensConfig``."""
        return self._core.api_key

    @property
    def requests(self) -> list[RecordedRequest]:
        """What was asked since the start or `reset`: the last 10,000, oldest first."""
        return list(self._app.requests)

    def start(self) -> None:
        """Listen, and answer from a thread. A second start keeps port and rows.

        Raises:
            DevCoreError: The port is in use or may not be had.
        """
        if self._thread is not None:
            return
        listener = listen(self._address, self._port)
        self._port = listener.getsockname()[1]
        self._server = Server(self._app)
        run = partial(self._server.run, sockets=[listener])
        self._thread = threading.Thread(target=run, name="dev core", daemon=True)
        self._thread.start()
        give_up_at = time.monotonic() + _START_SECONDS
        while not self._server.started:
            if not self._thread.is_alive() or time.monotonic() > give_up_at:
                raise DevCoreError("the server did not start")
            time.sleep(0.001)

    def stop(self) -> None:
        """Close the port and all connections; rows and keys stay."""
        if self._server is not None and self._thread is not None:
            self._server.should_exit = True
            self._thread.join()
        self._server = self._thread = None

    def restart(self, *, new_keys: bool = False) -> None:
        """Stop and start on the same port: as a core with a database, or without.

        Args:
            new_keys: Also forget the rows and the keys, as one without does.
        """
        self.stop()
        if new_keys:
            self.reset()
            self.rotate_keys()
        self.start()

    def reset(self) -> None:
        """Forget all rows, recorded requests, faults and old keys; not the new keys."""
        self._core.storage = Storage()
        self._core.keys.forget_old()
        self._app.requests.clear()
        self._app.faults = []

    def rotate_keys(self, *, keep_old: bool = False) -> None:
        """Sign with new keys; the old ones may still verify, or be unknown at once."""
        self._core.keys.rotate(keep_old=keep_old)

    def sign_jwt(
        self, claims: Mapping[str, Any], *, static: bool = True, **header: str
    ) -> str:
        """Sign any claims as they are, without HTTP: to forge tokens in tests."""
        return jwt.encode(self._core.keys.signing_key(static=static), claims, **header)

    def fail(
        self,
        kind: FaultKind,
        *,
        path: str | None = None,
        method: str | None = None,
        times: int | None = None,
        seconds: float = 1.0,
        location: str = "/hello",
        answer: Answer | None = None,
    ) -> Fault:
        """Put a fault in force, until it was met *times* times or is lifted.

        Args:
            kind: ``slow``: answers after *seconds*. ``drip``: a byte each *seconds*,
                headers included. ``hang_up``: closes the connection. ``redirect``: a
                302 to *location*. ``500``, ``429``: that status. ``html``: a page
                with status 200. ``empty_keys``: a key set with no keys. ``answer``:
                *answer* itself.
            path: Only for this route, without app and tenant: ``/recipe/jwt``.
            method: Only for this method.
            times: For how many requests; None for all.
            seconds: See *kind*.
            location: See *kind*.
            answer: See *kind*.

        Returns:
            The fault, for `heal`.

        Raises:
            ValueError: There is no such kind.
        """
        fault = make_fault(kind, seconds=seconds, location=location, answer=answer)
        fault.route, fault.method, fault.times = path, method, times
        self._app.faults.append(fault)
        return fault

    def heal(self, fault: Fault | None = None) -> None:
        """Lift one fault, or all."""
        faults = self._app.faults
        # Another list: the server's thread may be reading this one.
        self._app.faults = [f for f in faults if fault not in {None, f}]

    @contextmanager
    def failing(self, kind: FaultKind, **options: Any) -> Iterator[Fault]:
        """Have a fault for the length of a ``with`` block; arguments as for `fail`."""
        fault = self.fail(kind, **options)
        try:
            yield fault
        finally:
            self.heal(fault)
