"""People, chats, the bot itself, and paths that lead nowhere."""

from tests.sandbox.driver import CHAT, lab

PEOPLE = "/open-apis/contact/v3/users/batch_get_id"
CHATS = "/open-apis/im/v1/chats"


async def test_addresses_resolve_to_ids_or_to_entries_without_one() -> None:
    async with lab() as here:
        body = {"emails": ["li@example.com", "nobody@example.com"], "mobiles": ["1"]}
        answer = await here.bot.call("POST", f"{PEOPLE}?user_id_type=open_id", json=body)
        listed = answer.json()["data"]["user_list"]
        assert listed[0]["user_id"] == "ou_li"
        assert listed[1:] == [{"email": "nobody@example.com"}, {"mobile": "1"}]


async def test_resigned_people_are_found_only_when_asked_for() -> None:
    async with lab() as here:
        here.team.users[0].resigned = True
        body: dict[str, object] = {"emails": ["li@example.com"]}
        answer = await here.bot.call("POST", PEOPLE, json=body)
        assert "user_id" not in answer.json()["data"]["user_list"][0]
        answer = await here.bot.call("POST", PEOPLE, json=body | {"include_resigned": True})
        assert answer.json()["data"]["user_list"][0]["status"]["is_resigned"] is True


async def test_at_most_fifty_addresses_at_once() -> None:
    async with lab() as here:
        answer = await here.bot.call("POST", PEOPLE, json={"emails": ["x"] * 51})
        assert answer.json()["code"] == 99992402


async def test_ids_differ_from_app_to_app_and_union_ids_do_not() -> None:
    async with lab() as here:
        other = here.desk.add_app("another")
        here.bot.app_id, here.bot.secret = other.app_id, other.secret
        await here.bot.fetch_token()
        body = {"emails": ["li@example.com"]}
        own = await here.bot.call("POST", PEOPLE, json=body)
        assert own.json()["data"]["user_list"][0]["user_id"] != "ou_li"
        union = await here.bot.call("POST", f"{PEOPLE}?user_id_type=union_id", json=body)
        found = union.json()["data"]["user_list"][0]["user_id"]
        assert found == here.team.users[0].union_id


async def test_chats_are_paged() -> None:
    async with lab() as here:
        first = (await here.bot.call("GET", f"{CHATS}?page_size=2")).json()["data"]
        assert [item["chat_id"] for item in first["items"]] == [CHAT, "oc_platform_team"]
        assert first["has_more"] is True
        path = f"{CHATS}?page_size=2&page_token={first['page_token']}"
        rest = (await here.bot.call("GET", path)).json()["data"]
        assert [item["chat_id"] for item in rest["items"]] == ["oc_customer_service"]
        assert rest["has_more"] is False
        assert (await here.bot.call("GET", f"{CHATS}?page_size=101")).json()["code"] == 232001


async def test_a_chat_tells_what_a_preflight_needs() -> None:
    async with lab() as here:
        chat = here.desk.chats[CHAT]
        chat.at_all, chat.muted = False, True
        data = (await here.bot.call("GET", f"{CHATS}/{CHAT}")).json()["data"]
        assert data["at_all_permission"] == "only_owner"
        assert data["moderation_permission"] == "moderator_list"
        assert (data["user_count"], data["bot_count"]) == ("6", "1")
        assert (await here.bot.call("GET", f"{CHATS}/oc_x")).json()["code"] == 232006


async def test_members_are_people_with_names() -> None:
    async with lab() as here:
        data = (await here.bot.call("GET", f"{CHATS}/{CHAT}/members?page_size=100")).json()["data"]
        assert data["items"][0]["member_id"] == "ou_li"
        assert data["items"][0]["name"] == "李雷"
        assert data["member_total"] == 6
        inside = await here.bot.call("GET", f"{CHATS}/{CHAT}/members/is_in_chat")
        assert inside.json()["data"]["is_in_chat"] is True
        here.desk.remove_bot(CHAT, here.bot.app_id)
        assert (await here.bot.call("GET", f"{CHATS}/{CHAT}/members")).json()["code"] == 232011


async def test_the_bot_knows_itself_outside_data() -> None:
    async with lab() as here:
        document = (await here.bot.call("GET", "/open-apis/bot/v3/info")).json()
        assert document["bot"]["open_id"] == here.team.app.bot_open_id
        assert document["bot"]["activate_status"] == 2
        assert "data" not in document


async def test_other_paths_and_methods_lead_nowhere() -> None:
    async with lab() as here:
        for method, path in (("GET", "/open-apis/x"), ("PUT", CHATS), ("GET", f"{CHATS}/")):
            answer = await here.bot.call(method, path)
            assert (answer.status_code, answer.json()["code"]) == (404, 99991201)
            assert answer.json()["error"]["log_id"] == answer.headers["x-tt-logid"]
