"""From a request to the rule that answers it, with the checks that all routes share.

A rule stands under its route, as ``@route("POST /recipe/session")``. Its parameters are
the fields of the body (for GET: of the query), in the order in which the core reads
them; one with a default may be missing. The JSON that it returns goes out with the
``status`` ``OK``, unless it has another.
"""

from __future__ import annotations

import inspect
import json
import re
import secrets
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, TypeVar

from .answers import Answer, Json, RefusalError, json_answer, refusal, text_answer

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from .storage import Core

Tenants: TypeAlias = Literal["one", "app", "any"]
RuleT = TypeVar("RuleT", bound="Callable[..., Json | Answer]")

PUBLIC = "public"
# As a core of version 11.4 names them, whose answers were recorded; 12 adds two. The
# rules are those of 5.3 and 5.4, which the SDKs choose.
VERSIONS = (
    *(f"2.{minor}" for minor in range(7, 22)),
    *("3.0", "3.1", "4.0", "5.0", "5.1", "5.2", "5.3", "5.4"),
)
_VERSION = re.compile(r"[0-9]+(\.[0-9]+)*")
_LAX_TOKEN = re.compile(r"""(["'])(?:[^\\]|\\.)*?\1|[^\s{}\[\]:,"']+""")
_APP_AND_ROUTE = re.compile(r"(?:/appid-([a-z0-9-]*))?(/.*|$)")
_TENANT_AND_ROUTE = re.compile(r"/(?!recipe/|config/|users/|hello/)([a-z0-9-]+)(/.+)")


@dataclass(frozen=True, slots=True)
class RecordedRequest:
    """What was asked of the dev core.

    Attributes:
        path: As it was sent.
        route: Without app, tenant and query, in lower case: ``/recipe/session``.
        query: Each parameter's first value.
        headers: By lower-case name.
    """

    method: str
    path: str
    route: str
    app_id: str
    tenant_id: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The body as the core reads it: JSON, whose texts may lack double quotes.

        Raises:
            ValueError: It is not JSON.
        """
        try:
            return json.loads(self.body)
        except ValueError:
            return json.loads(_LAX_TOKEN.sub(_strict_token, self.body.decode()))


@dataclass(frozen=True)
class Endpoint:
    """A rule, and who may ask for it.

    Attributes:
        tenants: Whom the path may name: ``one`` that exists, the ``app`` as a whole
            (that is, the public tenant), or ``any`` name at all.
        is_open: Whether it needs neither API key nor version.
    """

    rule: Callable[..., Json | Answer]
    tenants: Tenants
    is_open: bool


ROUTES: dict[str, dict[str, Endpoint]] = {}


def route(
    method_and_path: str, *, tenants: Tenants = "one", is_open: bool = False
) -> Callable[[RuleT], RuleT]:
    """Register a rule; the arguments are those of `Endpoint`."""
    method, path = method_and_path.split()

    def register(rule: RuleT) -> RuleT:
        ROUTES.setdefault(path, {})[method] = Endpoint(rule, tenants, is_open)
        return rule

    return register


def split_path(path: str) -> tuple[str, str, str]:
    """Return app, tenant and route: ``/appid-<id>/<tenant>`` may stand before it.

    Case, doubled slashes and a slash at the end make no difference.
    """
    rest = re.sub("/+", "/", path.lower()).rstrip("/") or "/hello"
    app = _APP_AND_ROUTE.fullmatch(rest)
    app_id, rest = (app[1] or PUBLIC, app[2]) if app else (PUBLIC, rest)
    tenant = _TENANT_AND_ROUTE.fullmatch(rest)
    if rest not in ROUTES and tenant and tenant[2] in ROUTES:
        return app_id, tenant[1], tenant[2]
    return app_id, PUBLIC, rest


def answer(core: Core, request: RecordedRequest) -> Answer:
    """Answer by the rule of the route, or with the first refusal."""
    try:
        endpoint = _allowed_endpoint(core, request)
        found = endpoint.rule(**_arguments(endpoint.rule, core, request))
    except RefusalError as error:
        return error.answer
    if isinstance(found, Answer):
        return found
    return json_answer({"status": "OK", **found})


def _allowed_endpoint(core: Core, request: RecordedRequest) -> Endpoint:
    """Check in the core's order: path, API key, version, method, tenant."""
    endpoints = ROUTES.get(request.route)
    if endpoints is None:
        raise refusal(404, "Not found")
    endpoint = endpoints.get(request.method)
    if endpoint is None or not endpoint.is_open:
        _check_api_key(core, request.headers)
        _check_version(request.headers.get("cdi-version", VERSIONS[-1]))
    if endpoint is None:
        raise refusal(405, "Method not supported")
    is_unknown = request.tenant_id != PUBLIC
    if request.app_id != PUBLIC or (is_unknown and endpoint.tenants == "one"):
        raise refusal(
            400,
            "AppId or tenantId not found => Tenant with the following "
            "connectionURIDomain, appId and tenantId combination not found: "
            f"(, {request.app_id}, {request.tenant_id})",
        )
    if is_unknown and endpoint.tenants == "app":
        raise refusal(403, "Only public tenantId can call this app specific API")
    return endpoint


def _check_api_key(core: Core, headers: Mapping[str, str]) -> None:
    bearer = re.sub("(?i)^bearer ", "", headers.get("authorization", ""))
    given = headers.get("api-key", bearer).strip().encode()
    if core.api_key and not secrets.compare_digest(given, core.api_key.encode()):
        raise refusal(401, "Invalid API key")


def _check_version(given: str) -> None:
    if not _VERSION.fullmatch(given):
        message = "java.lang.IllegalArgumentException: Invalid version format"
        raise refusal(500, message)
    if given not in VERSIONS:
        raise refusal(400, f"cdi-version {given} not supported")


def _arguments(
    rule: Callable[..., Any], core: Core, request: RecordedRequest
) -> dict[str, Any]:
    """Return what *rule* asks for: ``core``, the ``request``, and fields of it."""
    arguments: dict[str, Any] = {}
    in_query = request.method == "GET"
    wrong = "missing in GET request" if in_query else "invalid in JSON input"
    fields: Mapping[str, Any] | None = request.query if in_query else None
    for name, parameter in inspect.signature(rule).parameters.items():
        if name in {"core", "request"}:
            arguments[name] = core if name == "core" else request
            continue
        fields = _body_fields(request) if fields is None else fields
        wired = wire_name(name)
        if wired in fields or parameter.default is parameter.empty:
            try:
                arguments[name] = _read(parameter.annotation, fields[wired])
            except (KeyError, ValueError, OverflowError):
                raise refusal(400, f"Field name '{wired}' is {wrong}") from None
    return arguments


def _strict_token(token: re.Match[str]) -> str:
    with suppress(ValueError):
        json.loads(token[0])
        return token[0]
    return json.dumps(token[0].strip("'"))


def _body_fields(request: RecordedRequest) -> Json:
    try:
        fields = request.json
    except (ValueError, RecursionError):
        fields = None
    if not isinstance(fields, dict):
        raise refusal(400, "Invalid Json Input")
    return fields


def wire_name(name: str) -> str:
    """Return the field's name: ``user_data_in_jwt`` is ``userDataInJWT``."""
    first, *rest = name.split("_")
    return first + "".join("JWT" if w == "jwt" else w.capitalize() for w in rest)


def _read(annotation: str, value: Any) -> Any:
    """Return a field's value as the core's JSON library reads it.

    Raises:
        ValueError, OverflowError: It is not of the annotated type.
    """
    match annotation.removesuffix(" | None"), value:
        case ("str", str()) | ("Json", dict()):
            return value
        case "bool", bool() | int() | float():
            return value is True  # a number counts as false
        case "int", str() | int() | float() if not isinstance(value, bool):
            return int(value)
        case "list[str]", list() if all(isinstance(item, str) for item in value):
            return value
    raise ValueError(value)


@route("GET /hello", tenants="any", is_open=True)
def hello() -> Answer:
    """Say that a core is here."""
    return text_answer("Hello")


@route("GET /apiversion", tenants="app")
def versions() -> Answer:
    """Name the versions of the core's interface; an SDK chooses its own."""
    return json_answer({"versions": list(VERSIONS)})
