"""What the dev core costs: a signature, a start, a reset, the memory of many users.

The ratios are to something measured in the same run; the seconds and megabytes are of
this machine, and far enough from their limits to hold on others.
"""

from __future__ import annotations

import functools
import json
import subprocess
import sys
import time

import httpx
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256

from benchmarks._measuring import Limits, ratio
from supertokens_guest.devcore import DevCore

ROUNDS = 24
BATCH = 16  # signatures in one round, some 10 ms
CLAIMS = {"sub": "G-1", "aud": "supertokens-guest", "cart": ["sku-12345"] * 30}
USERS = 10_000
MAX_MEGABYTES = 150
MAX_START_SECONDS = 0.5
MAX_RESET_SECONDS = 0.005
FILL = f"""
import json, resource
import httpx
from supertokens_guest.devcore import DevCore

with DevCore() as core, httpx.Client(base_url=core.url, verify=False) as client:
    for number in range({USERS}):
        who = {{"email": f"user-{{number}}@example.com", "password": "passw0rd1"}}
        user = client.post("/recipe/signup", json=who).json()["recipeUserId"]
        fields = {{"userId": user, "userDataInJWT": {{"cart": ["sku-1"]}}}}
        fields |= {{"userDataInDatabase": {{}}, "enableAntiCsrf": False}}
        assert client.post("/recipe/session", json=fields).json()["status"] == "OK"
    assert client.get("/users/count").json()["count"] == {USERS}
kilobytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(json.dumps(kilobytes / 1024))
"""


def main() -> int:
    """Measure, print, and return the process's exit status."""
    limits = Limits("The dev core / what is said in each line")
    core = DevCore()
    key = rsa.generate_private_key(public_exponent=65_537, key_size=2_048)
    signing = functools.partial(_sign_jwts, core)
    bare = functools.partial(_sign_bare, key)
    limits.hold(
        "a JWT signed / the RSA-2048 signature of cryptography alone",
        1.5,
        functools.partial(ratio, signing, bare, rounds=ROUNDS),
    )
    limits.hold("a start with new keys / 0.5 s", 1.0, _start)
    limits.hold("a reset with 500 users / 5 ms", 1.0, _reset)
    limits.hold(
        f"a process with {USERS:,} users and sessions / {MAX_MEGABYTES} MB", 1.0, _fill
    )
    return int(limits.exceeded > 0)


def _sign_jwts(core: DevCore, _: int) -> float:
    started_at = time.perf_counter()
    for _ in range(BATCH):
        core.sign_jwt(CLAIMS)
    return time.perf_counter() - started_at


def _sign_bare(key: rsa.RSAPrivateKey, _: int) -> float:
    message = b"x" * 600
    started_at = time.perf_counter()
    for _ in range(BATCH):
        key.sign(message, padding.PKCS1v15(), SHA256())
    return time.perf_counter() - started_at


def _start() -> float:
    started_at = time.perf_counter()
    with DevCore():
        return (time.perf_counter() - started_at) / MAX_START_SECONDS


def _reset() -> float:
    with DevCore() as core, httpx.Client(base_url=core.url) as client:
        for number in range(500):
            body = {"email": f"{number}@example.com", "password": "x"}
            client.post("/recipe/signup", json=body).raise_for_status()
        started_at = time.perf_counter()
        core.reset()
        return (time.perf_counter() - started_at) / MAX_RESET_SECONDS


def _fill() -> float:
    # A process of its own: its peak is the dev core's and its client's alone.
    process = subprocess.run(  # noqa: S603 - this Python, and the text above
        [sys.executable, "-c", FILL], capture_output=True, check=True
    )
    megabytes: float = json.loads(process.stdout)
    return megabytes / MAX_MEGABYTES


if __name__ == "__main__":
    sys.exit(main())
