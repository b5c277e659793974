"""The SDK's recipes find in the dev core what they need."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest
from supertokens_python import InputAppInfo, SupertokensConfig, init
from supertokens_python.asyncio import get_user, get_user_count
from supertokens_python.recipe import (
    emailpassword,
    emailverification,
    passwordless,
    session,
    thirdparty,
    usermetadata,
    userroles,
)
from supertokens_python.recipe.emailpassword.asyncio import (
    consume_password_reset_token,
    create_reset_password_token,
    sign_in,
    sign_up,
    update_email_or_password,
)
from supertokens_python.recipe.emailverification.asyncio import (
    create_email_verification_token,
    is_email_verified,
    revoke_email_verification_tokens,
    unverify_email,
    verify_email_using_token,
)
from supertokens_python.recipe.passwordless import ContactEmailOnlyConfig
from supertokens_python.recipe.passwordless.asyncio import (
    check_code,
    consume_code,
    create_code,
    create_new_code_for_device,
    delete_email_for_user,
    list_codes_by_device_id,
    list_codes_by_email,
    revoke_all_codes,
    revoke_code,
    update_user,
)
from supertokens_python.recipe.session.asyncio import (
    create_new_session_without_request_response,
    get_session_without_request_response,
    refresh_session_without_request_response,
)
from supertokens_python.recipe.thirdparty.asyncio import manually_create_or_update_user
from supertokens_python.recipe.usermetadata.asyncio import update_user_metadata
from supertokens_python.recipe.userroles.asyncio import (
    add_role_to_user,
    create_new_role_or_add_permissions,
    get_all_roles,
    get_permissions_for_role,
    get_roles_for_user,
    get_roles_that_have_permission,
    get_users_that_have_role,
    remove_permissions_from_role,
)
from supertokens_python.types import RecipeUserId

from supertokens_guest.devcore import DevCore

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    """Run on asyncio: the SDK knows no other loop."""
    return "asyncio"


@pytest.fixture(autouse=True)
def sdk(dev_core: DevCore, supertokens_reset: None) -> None:
    """Initialise all recipes that the dev core answers to."""
    init(
        app_info=InputAppInfo(
            app_name="shop",
            api_domain="http://localhost:8000",
            website_domain="http://localhost:8000",
        ),
        supertokens_config=SupertokensConfig(connection_uri=dev_core.url),
        framework="fastapi",
        recipe_list=[
            emailpassword.init(),
            thirdparty.init(),
            passwordless.init(
                contact_config=ContactEmailOnlyConfig(),
                flow_type="USER_INPUT_CODE_AND_MAGIC_LINK",
            ),
            emailverification.init("OPTIONAL"),
            session.init(anti_csrf="VIA_TOKEN"),
            userroles.init(),
            usermetadata.init(),
        ],
        mode="asgi",
    )


async def test_email_and_password() -> None:
    """Sign up, sign in, forget the password, change it."""
    made: Any = await sign_up("public", "a@b.co", "passw0rd1")
    taken = await sign_up("public", "a@b.co", "passw0rd1")
    token: Any = await create_reset_password_token("public", made.user.id, "a@b.co")
    reset: Any = await consume_password_reset_token("public", token.token)
    await update_email_or_password(RecipeUserId(reset.user_id), password="n3w-passw0rd")
    wrong = await sign_in("public", "a@b.co", "passw0rd1")
    right: Any = await sign_in("public", "A@b.co", "n3w-passw0rd")

    assert "EmailAlreadyExistsError" == type(taken).__name__
    assert "WrongCredentialsError" == type(wrong).__name__
    assert made.user.id == right.user.id
    assert 1 == await get_user_count()


async def test_third_party_and_verification() -> None:
    """A provider's user is known again; its address can be verified here."""
    who = ("public", "google", "g-1", "a@b.co")
    made: Any = await manually_create_or_update_user(*who, is_verified=False)
    again: Any = await manually_create_or_update_user(*who, is_verified=False)
    user_id = made.recipe_user_id
    token: Any = await create_email_verification_token("public", user_id, "a@b.co")
    before = await is_email_verified(user_id, "a@b.co")
    await verify_email_using_token("public", token.token)

    assert [True, False] == [
        made.created_new_recipe_user,
        again.created_new_recipe_user,
    ]
    assert [False, True] == [before, await is_email_verified(user_id, "a@b.co")]


async def test_passwordless() -> None:
    """By code and by link, one user; its address can change."""
    code = await create_code("public", email="a@b.co")
    assert 1 == len(await list_codes_by_email("public", "a@b.co"))
    made: Any = await consume_code(
        "public",
        code.pre_auth_session_id,
        user_input_code=code.user_input_code,
        device_id=code.device_id,
    )
    code = await create_code("public", email="a@b.co")
    again: Any = await consume_code(
        "public", code.pre_auth_session_id, link_code=code.link_code
    )
    await update_user(made.recipe_user_id, email="new@b.co")
    user: Any = await get_user(made.user.id)

    assert made.user.id == again.user.id
    assert ["new@b.co"] == user.emails


async def test_codes_can_be_listed_checked_and_revoked() -> None:
    """One code, or all of an address; a login without codes has ended."""
    code = await create_code("public", email="a@b.co", user_input_code="one")
    same: Any = await create_new_code_for_device("public", code.device_id, "one")
    other: Any = await create_new_code_for_device("public", code.device_id, "two")
    checked: Any = await check_code(
        "public", code.pre_auth_session_id, "one", code.device_id
    )
    # The SDK shows the login, but never its codes.
    found = []
    for revoked in (code.code_id, other.code_id):
        await revoke_code("public", revoked)
        found.append(await list_codes_by_device_id("public", code.device_id))
    await create_code("public", email="a@b.co")
    begun = await list_codes_by_email("public", "a@b.co")
    await revoke_all_codes("public", email="a@b.co")

    assert "CreateNewCodeForDeviceUserInputCodeAlreadyUsedError" == type(same).__name__
    assert "a@b.co" == checked.consumed_device.email
    assert [True, False] == [device is not None for device in found]
    assert 1 == len(begun)
    assert [] == await list_codes_by_email("public", "a@b.co")


async def test_an_address_is_of_one_user_of_a_recipe() -> None:
    """Nobody can change to one that is taken; one that is removed is free again."""
    code = await create_code("public", phone_number="+14155550100")
    made: Any = await consume_code(
        "public", code.pre_auth_session_id, link_code=code.link_code
    )
    await sign_up("public", "a@b.co", "passw0rd1")
    await update_user(made.recipe_user_id, email="a@b.co")
    other: Any = await sign_up("public", "b@b.co", "passw0rd1")
    taken = await update_email_or_password(other.recipe_user_id, email="a@b.co")
    await delete_email_for_user(made.recipe_user_id)
    user: Any = await get_user(made.user.id)
    unknown = await update_email_or_password(made.recipe_user_id, password="passw0rd2")

    assert "EmailAlreadyExistsError" == type(taken).__name__
    assert ([], ["+14155550100"]) == (user.emails, user.phone_numbers)
    assert "UnknownUserIdError" == type(unknown).__name__


async def test_a_verification_can_be_undone() -> None:
    """Tokens that were mailed end, and so does what they proved."""
    made: Any = await sign_up("public", "a@b.co", "passw0rd1")
    who = (made.recipe_user_id, "a@b.co")
    token: Any = await create_email_verification_token("public", *who)
    await revoke_email_verification_tokens("public", *who)
    late = await verify_email_using_token("public", token.token)
    token = await create_email_verification_token("public", *who)
    await verify_email_using_token("public", token.token)
    verified = await is_email_verified(*who)
    await unverify_email(*who)

    assert "VerifyEmailUsingTokenInvalidTokenError" == type(late).__name__
    assert [True, False] == [verified, await is_email_verified(*who)]


async def test_roles_and_metadata() -> None:
    """What is written is read."""
    await create_new_role_or_add_permissions("editor", ["read", "write"])
    await remove_permissions_from_role("editor", ["write"])
    await add_role_to_user("public", "u", "editor")
    permissions: Any = await get_permissions_for_role("editor")
    holders: Any = await get_users_that_have_role("public", "editor")

    assert ["editor"] == (await get_all_roles()).roles
    assert ["editor"] == (await get_roles_that_have_permission("read")).roles
    assert ["editor"] == (await get_roles_for_user("public", "u")).roles
    assert (["read"], ["u"]) == (permissions.permissions, holders.users)
    assert {"a": 1} == (await update_user_metadata("u", {"a": 1})).metadata


async def test_a_session_over_two_refreshes(dev_core: DevCore) -> None:
    """A refreshed session asks the core once, and then never again."""
    made: Any = await sign_up("public", "a@b.co", "passw0rd1")
    container = await create_new_session_without_request_response(
        "public", made.recipe_user_id
    )
    for _ in range(2):
        old = container.get_all_session_tokens_dangerously()
        container = await refresh_session_without_request_response(
            old["refreshToken"] or "", anti_csrf_token=old["antiCsrfToken"]
        )
        tokens = container.get_all_session_tokens_dangerously()
        asked = []
        for _ in range(2):
            before = len(dev_core.requests)
            found = await get_session_without_request_response(
                tokens["accessToken"], tokens["antiCsrfToken"]
            )
            assert found is not None
            tokens = found.get_all_session_tokens_dangerously() | {
                "antiCsrfToken": tokens["antiCsrfToken"]
            }
            routes = [request.route for request in dev_core.requests[before:]]
            asked.append([r for r in routes if r != "/.well-known/jwks.json"])

        assert [["/recipe/session/verify"], []] == asked


async def test_a_hundred_users_at_once(dev_core: DevCore) -> None:
    """All sign up, sign in and get a session; nobody sees an error."""

    async def visit(number: int) -> list[str]:
        who = {"email": f"{number}@b.co", "password": "x"}
        statuses = []
        # A client each, as the SDK has it; one for all waits for its own pool.
        async with httpx.AsyncClient(base_url=dev_core.url, verify=False) as client:
            for path in ("/recipe/signup", "/recipe/signin"):
                answer = (await client.post(path, json=who, timeout=60)).json()
                statuses.append(answer["status"])
            fields = {
                "userId": answer["recipeUserId"],
                "userDataInJWT": {},
                "userDataInDatabase": {},
                "enableAntiCsrf": False,
            }
            answer = await client.post("/recipe/session", json=fields, timeout=60)
            return [*statuses, answer.json()["status"]]

    found = await asyncio.gather(*(visit(number) for number in range(100)))

    assert [["OK"] * 3] * 100 == found
    assert 100 == await get_user_count()
