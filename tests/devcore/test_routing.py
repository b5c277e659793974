"""Paths, and the fields that a rule reads."""

from __future__ import annotations

import inspect
from typing import Any

import httpx
import pytest

import supertokens_guest.devcore.app  # noqa: F401 - the rules register themselves
from supertokens_guest.devcore import DevCore
from supertokens_guest.devcore.routing import ROUTES, split_path, wire_name

FIELD_TYPES = {"str", "bool", "int", "Json", "list[str]"}


@pytest.mark.parametrize(
    ("path", "parts"),
    [
        ("/recipe/session", ("public", "public", "/recipe/session")),
        ("/T1/Recipe//Session/", ("public", "t1", "/recipe/session")),
        ("/appid-x/t1/users", ("x", "t1", "/users")),
        ("/appid-x/users/count", ("x", "public", "/users/count")),
        ("/users/count", ("public", "public", "/users/count")),
        ("/", ("public", "public", "/hello")),
        ("/recipe/hello", ("public", "public", "/recipe/hello")),
        ("/t1/nowhere", ("public", "public", "/t1/nowhere")),
    ],
)
def test_a_path_names_app_tenant_and_route(
    path: str, parts: tuple[str, str, str]
) -> None:
    """Case and stray slashes make no difference; words of routes are no tenants."""
    assert parts == split_path(path)


def test_every_field_is_of_a_type_that_can_be_read() -> None:
    """A rule cannot ask for what no request could satisfy."""
    endpoints = [e for methods in ROUTES.values() for e in methods.values()]
    types = {
        parameter.annotation.removesuffix(" | None")
        for endpoint in endpoints
        for name, parameter in inspect.signature(endpoint.rule).parameters.items()
        if name not in {"core", "request"}
    }

    assert FIELD_TYPES == types


def test_names_are_the_core_s() -> None:
    """A parameter is named as Python has it, and a field as the core has it."""
    assert "userDataInJWT" == wire_name("user_data_in_jwt")
    assert "email" == wire_name("email")


@pytest.mark.parametrize(
    ("field", "value"),
    [("email", ["a@b.c"]), ("password", 1), ("email", None), ("password", True)],
)
def test_a_field_of_another_type_is_refused(
    dev_core: DevCore, field: str, value: Any
) -> None:
    """The answer names the field."""
    body = {"email": "a@b.c", "password": "x", field: value}
    answer = httpx.post(f"{dev_core.url}/recipe/signup", json=body)

    assert 400 == answer.status_code
    assert f"Field name '{field}' is invalid in JSON input\n" == answer.text
