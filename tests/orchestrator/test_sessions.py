"""Sessions: opened, joined, watched, adopted, closed."""

import asyncio
import time

import redis.asyncio as redis
from redis.asyncio.client import PubSub

from services.common import tokens
from services.common.messages import CONTROL_PATTERN
from tests.orchestrator.conftest import SECRET, Stack
from tests.orchestrator.fakes import ANSWER, OFFER
from tests.orchestrator.serving import until


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


async def test_a_session_opens_with_face_media_and_token(stack: Stack) -> None:
    """POST /session answers the offer, tells where the session is and hands out its owner's token."""
    answer = await stack.http.post("/session", json={"sdp": OFFER, "type": "offer", "style": "night", "avatar": "ada"})
    opened = answer.json()
    assert answer.status_code == 201
    assert answer.headers["Location"] == f"/session/{opened['session']}"
    assert (opened["sdp"], opened["type"], opened["ice_servers"]) == (ANSWER, "answer", [])
    assert tokens.verify(SECRET, opened["token"]) == tokens.Grant(opened["session"], "talker")
    avatar = stack.avatar(opened).opened
    assert (avatar["style"], avatar["avatar"]) == ("night", "ada")
    assert avatar["publish_url"] == f"{stack.gateway.server.url}/whip/{opened['session']}"
    assert tokens.verify(SECRET, avatar["token"]) == tokens.Grant(opened["session"], "renderer")


async def test_a_bare_sdp_opens_a_session_too(stack: Stack) -> None:
    """application/sdp is taken as it is, the other fields from the query."""
    headers = {"Content-Type": "application/sdp; charset=utf-8"}
    answer = await stack.http.post("/session?style=night", content=OFFER, headers=headers)
    assert answer.status_code == 201
    assert stack.avatar(answer.json()).style == "night"


async def test_ice_servers_come_with_the_session(stack: Stack) -> None:
    """Configured STUN and TURN servers are told, TURN with credentials for now."""
    await stack.restart(ice_urls="stun:a:3478, turn:b:3478", turn_secret="s")
    stun, turn = (await stack.open())["ice_servers"]
    assert stun["urls"] == ["stun:a:3478"]
    assert int(turn["username"].split(":")[0]) > time.time()
    assert turn["credential"]


async def test_a_live_session_is_joined_by_a_viewer(stack: Stack) -> None:
    """Naming a live session joins it: same avatar, a viewer's token; its owner's token keeps the owner's rights."""
    opened = await stack.open()
    joined = await stack.open(session=opened["session"])
    assert joined["session"] == opened["session"]
    assert tokens.verify(SECRET, joined["token"]).role == "viewer"
    assert len(stack.renderer.avatars) == 1
    body = {"sdp": OFFER, "session": opened["session"]}
    again = await stack.http.post("/session", json=body, headers=bearer(opened["token"]))
    assert tokens.verify(SECRET, again.json()["token"]).role == "talker"
    async with stack.page(joined) as page:
        await page.state("listening")


async def test_an_unknown_session_opens_only_for_its_own_token(stack: Stack) -> None:
    """Without a token 404; with the token of that very session it comes back under its name; with another's 403."""
    opened = await stack.open()
    other = await stack.open()
    await stack.http.delete(f"/session/{opened['session']}", headers=bearer(opened["token"]))
    body = {"sdp": OFFER, "session": opened["session"]}
    assert (await stack.http.post("/session", json=body)).status_code == 404
    assert (await stack.http.post("/session", json=body, headers=bearer(other["token"]))).status_code == 403
    answer = await stack.http.post("/session", json=body, headers=bearer(opened["token"]))
    assert answer.status_code == 201
    said = await stack.http.post("/answer", json={"text": "Still there?", "session": opened["session"]})
    assert said.json()["turn"] > 1_000_000  # above anything that a service may remember as cancelled


async def test_if_one_half_fails_nothing_of_the_other_remains(stack: Stack) -> None:
    """A bad offer leaves no avatar, a full or absent renderer leaves no peer; each is said in a sentence."""
    answer = await stack.http.post("/session", json={"sdp": OFFER + "a=bad\r\n"})
    assert answer.status_code == 422
    assert "no usable media" in answer.json()["detail"]
    assert stack.renderer.avatars == {}

    answer = await stack.http.post("/session", json={"sdp": OFFER, "style": "neon"})
    assert answer.status_code == 422
    stack.renderer.capacity = 0
    answer = await stack.http.post("/session", json={"sdp": OFFER})
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")
    assert "places" in answer.json()["detail"]
    await stack.renderer.server.stop()
    answer = await stack.http.post("/session", json={"sdp": OFFER})
    assert answer.status_code == 503
    assert "renderer" in answer.json()["detail"]
    assert stack.gateway.viewers == {}
    assert (await stack.http.get("/sessions")).json() == {"sessions": []}


async def test_the_gateway_away_is_said(stack: Stack) -> None:
    """No media, no session: 503 names the gateway, and no avatar is left behind."""
    await stack.gateway.server.stop()
    answer = await stack.http.post("/session", json={"sdp": OFFER})
    assert answer.status_code == 503
    assert "sfu-gateway" in answer.json()["detail"]
    assert stack.renderer.avatars == {}


async def test_voices_are_checked_before_anything_is_opened(stack: Stack) -> None:
    """An unknown voice is 422 and names the ones there are; a known one is the one that speaks."""
    answer = await stack.http.post("/session", json={"sdp": OFFER, "voice": "nobody"})
    assert answer.status_code == 422
    assert "joe" in answer.json()["detail"]
    assert stack.renderer.avatars == {}
    await stack.open(voice="ada")
    await stack.http.post("/answer", json={"text": "What?"})
    await until(lambda: stack.tts.voices_used)
    assert stack.tts.voices_used[0] == "ada"


async def test_a_cloned_voice_is_its_owners(stack: Stack) -> None:
    """A cloned voice needs its token, which goes with every clause; without it, or with another, it is not there."""
    for token in (None, "joes"):
        answer = await stack.http.post("/session", json={"sdp": OFFER, "voice": "anna", "voice_token": token})
        assert answer.status_code == 422
        assert "voice_token" in answer.json()["detail"]
    await stack.open(voice="anna", voice_token="annas")
    await stack.http.post("/answer", json={"text": "What?"})
    await until(lambda: stack.tts.voices_used)
    assert (stack.tts.voices_used[0], stack.tts.voice_tokens[0]) == ("anna", "annas")


async def test_a_closed_session_is_gone_everywhere(stack: Stack) -> None:
    """DELETE ends avatar, peers, registry entry and control sockets, and tells the other services."""
    opened = await stack.open()
    id = opened["session"]
    async with redis.from_url(stack.redis.url, decode_responses=True) as client, client.pubsub() as pubsub:
        await pubsub.psubscribe(CONTROL_PATTERN)
        async with stack.page(opened) as page:
            await page.state("listening")
            await until_key(client, id, present=True)
            answer = await stack.http.delete(f"/session/{id}", headers=bearer(opened["token"]))
            assert answer.status_code == 204
            async with asyncio.timeout(5):
                await page.socket.wait_closed()
            assert page.socket.close_code == 1001
        await until_key(client, id, present=False)
        assert '"close"' in (await some(pubsub, 1))[0]
    assert stack.renderer.avatars == {}
    assert stack.gateway.closed == [id]
    assert (await stack.http.get(f"/session/{id}")).status_code == 404
    assert (await stack.http.delete(f"/session/{id}", headers=bearer(opened["token"]))).status_code == 404


async def some(pubsub: PubSub, count: int) -> list[str]:
    """What was published next."""
    found: list[str] = []
    async with asyncio.timeout(5):
        while len(found) < count:
            message = await pubsub.get_message(ignore_subscribe_messages=True, timeout=5)
            found += [message["data"]] if message else []
    return found


async def until_key(client: redis.Redis, session: str, *, present: bool) -> None:
    async def seen() -> bool:
        return bool(await client.exists(f"flashback:session:{session}")) == present

    await until(seen)


async def test_only_its_owner_ends_a_session(stack: Stack) -> None:
    """No token, no bearer, forged, expired or another session's: refused, and the session still answers."""
    opened = await stack.open()
    for header, status in (
        ({}, 401),
        ({"Authorization": "Basic abc"}, 401),
        ({"Authorization": "Bearer"}, 401),
        (bearer("not-a-token"), 401),
        (bearer(tokens.issue("x" * 32, opened["session"], "talker")), 401),
        (bearer(tokens.issue(SECRET, opened["session"], "talker", ttl_s=-10)), 401),
        (bearer(tokens.issue(SECRET, "s1", "talker")), 403),
        (bearer(tokens.issue(SECRET, "*", "orchestrator")), 403),
        (bearer(tokens.issue(SECRET, opened["session"], "renderer")), 403),
    ):
        answer = await stack.http.delete(f"/session/{opened['session']}", headers=header)
        assert (header, answer.status_code) == (header, status)
        assert answer.headers["content-type"] == "application/problem+json"
    assert (await stack.http.post("/answer", json={"text": "Still there?"})).status_code == 200


async def test_a_viewer_does_not_end_a_session(stack: Stack) -> None:
    """A joined viewer's token does not delete."""
    opened = await stack.open()
    joined = await stack.open(session=opened["session"])
    answer = await stack.http.delete(f"/session/{opened['session']}", headers=bearer(joined["token"]))
    assert answer.status_code == 403


async def test_sessions_can_be_looked_at(stack: Stack) -> None:
    """State, turn, viewers, style and the last turn's latency, one by one and as a list."""
    opened = await stack.open()
    async with stack.page(opened) as page:
        await page.say("start_reply", text="What?")
        await page.state("listening", 1)
    seen = (await stack.http.get(f"/session/{opened['session']}")).json()
    assert (seen["session"], seen["state"], seen["turn"]) == (opened["session"], "listening", 1)
    assert seen["style"] == "studio"
    assert seen["latency"]["e2e_latency"] > 0
    stack.gateway.viewers[opened["session"]] = 3

    async def three_watch() -> bool:
        return bool((await stack.http.get(f"/session/{opened['session']}")).json()["viewers"] == 3)

    await until(three_watch)
    assert [s["session"] for s in (await stack.http.get("/sessions")).json()["sessions"]] == [opened["session"]]


async def test_a_session_that_nobody_watches_ends(stack: Stack) -> None:
    """After SESSION_LINGER_SECONDS without a viewer it is closed; one that is watched stays."""
    await stack.restart(session_linger_seconds=0.5)
    left, kept = await stack.open(), await stack.open()
    stack.gateway.viewers[left["session"]] = 0
    await until(lambda: left["session"] not in stack.renderer.avatars)
    assert kept["session"] in stack.renderer.avatars
    live = (await stack.http.get("/sessions")).json()["sessions"]
    assert [s["session"] for s in live] == [kept["session"]]


async def test_the_registry_knows_every_session(stack: Stack) -> None:
    """State, turn, renderer and gateway stand in Redis, for a minute after the last sign of life."""
    opened = await stack.open()
    async with stack.page(opened) as page:
        await page.say("start_reply", text="What?")
        await page.state("listening", 1)
    key = f"flashback:session:{opened['session']}"
    async with redis.from_url(stack.redis.url, decode_responses=True) as client:

        async def first_turn_is_over() -> bool:
            entry = await client.hgetall(key)
            return bool(entry.get("turn") == "1" and entry["state"] == "listening")

        await until(first_turn_is_over)
        entry = await client.hgetall(key)
        assert entry["renderer"] == stack.renderer.server.url
        assert entry["gateway"] == stack.gateway.server.url
        assert 0 < await client.ttl(key) <= 60


async def test_an_orchestrator_adopts_the_sessions_of_the_one_before(stack: Stack) -> None:
    """After a restart the page's token still opens its control socket, turns go on counting, and the avatar speaks."""
    opened = await stack.open(style="night")
    async with stack.page(opened) as page:
        await page.say("start_reply", text="What?")
        await page.state("listening", 1)
    await stack.restart()
    async with stack.page(opened) as page:
        await page.state("listening", 1)
        await page.say("start_reply", text="And now?")
        await page.state("listening", 2)
    assert len(page.of("caption", 2)) == 10
    assert (await stack.http.get(f"/session/{opened['session']}")).json()["style"] == "night"


async def test_styles_change_to_presets_only(stack: Stack) -> None:
    """GET lists them, POST changes to one, an unknown one is 422 and changes nothing; without a session 404."""
    assert (await stack.http.get("/styles")).json() == {"styles": ["studio", "night"], "style": "studio"}
    assert (await stack.http.post("/style", json={"style": "night"})).status_code == 404
    opened = await stack.open()
    answer = await stack.http.post("/style", json={"style": "night"})
    assert answer.json() == {"session": opened["session"], "style": "night"}
    answer = await stack.http.post("/style", json={"style": "neon"})
    assert answer.status_code == 422
    assert "studio" in answer.json()["detail"]
    assert stack.avatar(opened).style == "night"
