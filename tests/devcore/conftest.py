"""A client for the dev core itself, and the fixtures that the package ships."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, TypeAlias

import httpx
import pytest

from pytest_supertokens_guest import (  # noqa: F401 - found here by name, installed or not
    dev_core,
    dev_core_server,
    make_guest,
    supertokens_reset,
)
from supertokens_guest.devcore import DevCore

Ask: TypeAlias = Callable[..., Any]


@pytest.fixture
def client(dev_core: DevCore) -> Iterator[httpx.Client]:  # noqa: F811 - the fixture
    """Yield a client of the dev core, as new as the SDKs."""
    headers = {"cdi-version": "5.4"}
    with httpx.Client(base_url=dev_core.url, headers=headers) as client:
        yield client


@pytest.fixture
def ask(client: httpx.Client) -> Ask:
    """Return a function that sends a JSON body and returns the answer's JSON."""

    def ask(method: str, path: str, /, **fields: Any) -> Any:
        content: dict[str, Any] = {"json": fields} if method != "GET" else {}
        response = client.request(method, path, params=None, **content)
        assert 200 == response.status_code, response.text
        return response.json()

    return ask
