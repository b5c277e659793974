"""The dev core answers as a real core did, request by request.

``answers/`` holds what a SuperTokens core 11.4.7 answered to 284 requests, in order.
Each line of a file has the step's name, the request, the values of the answer that
later steps use (``keep``), and the answer, in which whatever differs from run to run
is a word such as ``<uuid>``. The order of an object's names does not matter.

With ``SUPERTOKENS_CONNECTION_URI`` set, the same requests go to that core. Its API
key, if it has one, is ``SUPERTOKENS_API_KEY``; the nine steps of ``api-key.jsonl``
need a core whose key is the recorded one, and are skipped on any other. So are the
steps that were refused for want of a licence, on a core that needs none.

A newer core is told by the version of its interface. It answers as 11.4 does, but:

- 5.5 (core 12.0): it names its version, and a version that is no number is a bad
  request (``answer since 5.5``).
- 5.6 (core 12.1): it names its version, and the access tokens that it makes for new and
  for refreshed sessions live up to 5 % shorter.
"""

from __future__ import annotations

import base64
import json
import os
import re
import time
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import jwt
import pytest

from supertokens_guest.devcore import DevCore

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

ANSWERS = Path(__file__).parent / "answers"
RECORDED_API_KEY = "abcdefghijklmnopqrstuvwxyz"
API_KEY_FILE = "api-key"
REAL_CORE = os.environ.get("SUPERTOKENS_CONNECTION_URI", "")
NEWER_VERSIONS = {"5.5", "5.6"}
REAL_CORE_KEY = os.environ.get("SUPERTOKENS_API_KEY", "") if REAL_CORE else ""

WORDS = {
    "uuid": r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}",
    "ms": r"1[0-9]{12}",
    "seconds": r"[12][0-9]{9}",
    "n": r"[1-9][0-9]*",
    "sha256": r"[0-9a-f]{64}",
    "6 digits": r"[0-9]{6}",
    "base64url 342": r"[A-Za-z0-9_-]{342}",
    "refresh-token": r"[A-Za-z0-9+/]+=*\.[0-9a-f]{64}\.V2",
    "page token": r"[A-Za-z0-9+/]+=*",
}


def read_steps(name: str) -> list[dict[str, Any]]:
    """Return the steps of one file."""
    lines = (ANSWERS / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


FILES = sorted(path.stem for path in ANSWERS.glob("*.jsonl"))
STEPS = [
    pytest.param(name, index, id=f"{name}-{index + 1:02}-{step['step']}")
    for name in FILES
    for index, step in enumerate(read_steps(name))
]


@dataclass
class Outcome:
    """What came of one step."""

    request: Any
    wanted: Any
    got: Any
    differences: list[str]

    def __str__(self) -> str:
        """Show the request, the answer wanted and the answer got."""
        return "\n".join(
            [
                "the core answered differently at: " + "; ".join(self.differences),
                f"request: {json.dumps(self.request, ensure_ascii=False)}",
                f"wanted:  {json.dumps(self.wanted, ensure_ascii=False)}",
                f"got:     {json.dumps(self.got, ensure_ascii=False)}",
            ]
        )


@dataclass
class Replays:
    """Replays each file once, whichever of its steps is asked for first."""

    cores: ExitStack
    urls: dict[str | None, str] = field(default_factory=dict)
    outcomes: dict[str, list[Outcome | None] | httpx.TransportError] = field(
        default_factory=dict
    )

    def of(self, name: str) -> list[Outcome | None]:
        """Return what came of the steps of a file."""
        if name not in self.outcomes:
            try:
                self.outcomes[name] = self.replay(name)
            except httpx.TransportError as error:
                self.outcomes[name] = error
        found = self.outcomes[name]
        if isinstance(found, httpx.TransportError):
            pytest.fail(f"no core answers at {REAL_CORE}: {found!r}", pytrace=False)
        return found

    def replay(self, name: str) -> list[Outcome | None]:
        """Send the requests of a file in order and compare each answer."""
        with httpx.Client(base_url=self.core_for(name)) as client:
            if REAL_CORE_KEY and name != API_KEY_FILE:
                client.headers["api-key"] = REAL_CORE_KEY
            kept = {"run": str(time.time_ns())}
            # Someone was there before: the recorded core had users of earlier files.
            earlier = {"email": f"earlier-{kept['run']}@example.com", "password": "x"}
            client.post("/recipe/signup", json=earlier)
            keys = client.get("/.well-known/jwks.json").json()["keys"]
            replayer = Replayer(client, kept, keys)
            if REAL_CORE and name != API_KEY_FILE:
                versions = client.get("/apiversion").json()["versions"]
                replayer.newer_versions = NEWER_VERSIONS.intersection(versions)
                features = client.get("/ee/featureflag").json()["features"]
                replayer.needs_no_licence = "multi_tenancy" in features
            return [replayer.play(step) for step in read_steps(name)]

    def core_for(self, name: str) -> str:
        """Return the address of a core: the real one, or a dev core for all files."""
        if REAL_CORE:
            return REAL_CORE
        api_key = RECORDED_API_KEY if name == API_KEY_FILE else None
        if api_key not in self.urls:
            core = self.cores.enter_context(DevCore(api_key=api_key))
            self.urls[api_key] = core.url
        return self.urls[api_key]


@pytest.fixture(scope="module")
def replays() -> Iterator[Replays]:
    """Yield the replays; the dev cores stop at the end."""
    with ExitStack() as cores:
        yield Replays(cores)


@dataclass
class Replayer:
    """Plays steps and compares answers; *kept* goes from step to step."""

    client: httpx.Client
    kept: dict[str, str]
    keys: list[dict[str, str]]
    newer_versions: set[str] = field(default_factory=set)
    needs_no_licence: bool = False
    missing_seconds: int = 0

    def play(self, step: Mapping[str, Any]) -> Outcome | None:
        """Send one request, unless it asks for a licence that the core needs not."""
        if step["answer"]["status"] == 402 and self.needs_no_licence:
            return None
        request = self.filled_in(step["request"])
        headers = {"cdi-version": "5.4", **request.get("headers", {})}
        body = request.get("body")
        if body is not None:
            headers["content-type"] = "application/json; charset=utf-8"
        response = self.client.request(
            request["method"],
            request["path"],
            headers={name: value for name, value in headers.items() if value},
            content=body if isinstance(body, str | None) else json.dumps(body),
        )
        wanted = dict(step["answer"])
        if "5.5" in self.newer_versions:
            wanted = dict(step.get("answer since 5.5", wanted))
        got = {
            "status": response.status_code,
            "content-type": response.headers.get("content-type"),
        }
        if "cache-control" in wanted:
            got["cache-control"] = response.headers.get("cache-control")
        if "json" in wanted and response.text.startswith("{"):
            got["json"] = response.json()
            for word, path in step.get("keep", {}).items():
                self.kept[word] = value_at(got["json"], path)
        else:
            got["text"] = response.text
        if request["path"].startswith("/apiversion") and "json" in got:
            # The core keeps its versions in a set.
            versions = {*wanted["json"]["versions"], *self.newer_versions}
            wanted["json"] = {"versions": sorted(versions)}
            got["json"] = {"versions": sorted(got["json"].get("versions", []))}
        wanted = self.filled_in(wanted)
        self.missing_seconds = self.may_miss_seconds(request["path"])
        return Outcome(request, wanted, got, list(self.differences("", wanted, got)))

    def may_miss_seconds(self, path: str) -> int:
        """Return by how much an access token may live shorter than the recorded one."""
        regenerates = path.endswith("/regenerate")
        # A new token with the old expiry.
        aged = 60 if regenerates else 0
        is_shortened = regenerates or path.endswith(("/session", "/session/refresh"))
        return aged + (180 if is_shortened and "5.6" in self.newer_versions else 0)

    def filled_in(self, value: Any) -> Any:
        """Return *value* with each ``{{name}}`` replaced."""
        if isinstance(value, dict):
            return {self.filled_in(k): self.filled_in(v) for k, v in value.items()}
        if isinstance(value, list):
            return [self.filled_in(item) for item in value]
        if isinstance(value, str):
            return re.sub(r"\{\{(\w+)\}\}", lambda m: self.kept.get(m[1], m[0]), value)
        return value

    def differences(self, path: str, wanted: Any, got: Any) -> Iterator[str]:
        """Yield where *got* is not what was wanted."""
        if isinstance(wanted, dict) and list(wanted) == ["<jwt>"]:
            wanted = wanted["<jwt>"]
            got = self.opened(got) if str(got).count(".") == 2 else got
        if isinstance(wanted, dict) and isinstance(got, dict):
            for name in wanted.keys() | got.keys():
                if name in wanted and name in got:
                    inner = f"{path}.{name}"
                    yield from self.differences(inner, wanted[name], got[name])
                else:
                    yield f"{path}.{name}"
        elif isinstance(wanted, list) and isinstance(got, list):
            if len(wanted) != len(got):
                yield path
            for index, pair in enumerate(zip(wanted, got, strict=False)):
                yield from self.differences(f"{path}[{index}]", *pair)
        elif not (is_same(wanted, got) or self.is_shortened(path, wanted, got)):
            yield path

    def is_shortened(self, path: str, wanted: Any, got: Any) -> bool:
        """Return whether this is how long an access token lives, and may be less."""
        if not (path.endswith(".exp - iat") and type(wanted) is type(got) is int):
            return False
        return wanted - self.missing_seconds <= got <= wanted

    def opened(self, token: str) -> dict[str, Any]:
        """Return header and payload of a JWT that verifies with the core's keys."""
        header, payload = (
            json.loads(base64.urlsafe_b64decode(part + "=="))
            for part in token.split(".")[:2]
        )
        key = next((key for key in self.keys if key["kid"] == header["kid"]), None)
        if key is not None:
            jwt.PyJWS().decode(token, jwt.PyJWK(key), algorithms=["RS256"])
        expiry, issued_at = payload.get("exp"), payload.get("iat")
        lifetime = None
        if type(expiry) is type(issued_at) is int:
            lifetime = expiry - issued_at
        shown = {"header": header, "payload": payload, "exp - iat": lifetime}
        return shown if key is not None else {**shown, "key": "not published"}


def value_at(value: Any, dotted_path: str) -> str:
    """Return the value that a dotted path leads to, or a word that says it is not."""
    for name in dotted_path.split("."):
        if not isinstance(value, dict) or name not in value:
            return f"no-{dotted_path}"
        value = value[name]
    return str(value)


def is_same(wanted: Any, got: Any) -> bool:
    """Return whether a value is the wanted one, or of the form that a word names."""
    if isinstance(wanted, str) and wanted.startswith("<") and isinstance(got, int):
        word = wanted.strip("<>")
        return word in {"ms", "seconds", "n"} and is_like(wanted, str(got))
    if isinstance(wanted, str) and isinstance(got, str):
        return wanted != "<ms>" and is_like(wanted, got)
    # 1 is not 1.0, nor true.
    return type(wanted) is type(got) and wanted == got


def is_like(wanted: str, got: str) -> bool:
    """Return whether a text matches a pattern with words in it."""
    parts = re.split(r"<([a-z0-9 -]+)>", wanted)
    pattern = "".join(
        WORDS.get(part, f"<{part}>") if index % 2 else re.escape(part)
        for index, part in enumerate(parts)
    )
    return re.fullmatch(pattern, got) is not None


def test_all_recordings_are_here() -> None:
    """284 answers in 14 files are replayed."""
    assert (14, 284) == (len(FILES), len(STEPS))


@pytest.mark.parametrize(("name", "index"), STEPS)
def test_answer(replays: Replays, name: str, index: int) -> None:
    """The core gives the recorded answer."""
    if name == API_KEY_FILE and REAL_CORE and REAL_CORE_KEY != RECORDED_API_KEY:
        pytest.skip(f"this file needs SUPERTOKENS_API_KEY={RECORDED_API_KEY}")
    outcome = replays.of(name)[index]
    if outcome is None:
        pytest.skip("this core needs no licence")
    if outcome.differences:
        pytest.fail(str(outcome), pytrace=False)
