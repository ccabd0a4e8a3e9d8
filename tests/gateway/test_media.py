"""The gateway's binary carries media between aiortc peers."""

import asyncio

from tests.gateway.peers import Gateway, Peer, Pictures, Tone, bearer, until


async def renderer(gateway: Gateway, session: str, level: int) -> Peer:
    peer = Peer(gateway)
    peer.send(Tone(), Pictures(level))
    return await peer.join("/whip", session, "renderer")


async def test_a_viewer_sees_and_hears_the_renderer(gateway: Gateway) -> None:
    """What is published by WHIP arrives by WHEP, picture and sound, and DELETE ends both."""
    face = await renderer(gateway, "s1", 200)
    viewer = await Peer(gateway).receive("audio", "video").join("/whep", "s1", "viewer")
    await until(lambda: viewer.level() > 180 and viewer.loudness() > 0.1)
    assert await gateway.sessions() == {"s1": {"session": "s1", "viewers": 1, "publishing": True}}
    for peer, token in ((viewer, bearer("s1", "viewer")), (face, bearer("s1", "renderer"))):
        assert (await gateway.http.delete(peer.location, headers=token)).status_code == 200
        assert (await gateway.http.delete(peer.location, headers=token)).status_code == 404
        await peer.close()


async def test_a_talker_is_heard_by_asr_and_sees_the_avatar(gateway: Gateway) -> None:
    """One connection carries the microphone up, to asr alone, and the avatar down."""
    face = await renderer(gateway, "s1", 90)
    asr = await Peer(gateway).receive("audio").join("/whep", "s1", "asr")
    talker = Peer(gateway)
    talker.send(Tone(), direction="sendrecv")
    await talker.receive("video").join("/session", "s1", "talker")
    await until(lambda: talker.loudness() > 0.1 and 70 < talker.level() < 110 and asr.loudness() > 0.1)
    response = await gateway.http.delete(talker.location, headers=bearer("s1", "talker"))
    assert response.status_code == 204
    for peer in (talker, asr, face):
        await peer.close()


async def test_a_microphone_granted_later_needs_no_new_offer(gateway: Gateway) -> None:
    """A page that joined without a microphone is heard as soon as it replaces its empty track."""
    asr = await Peer(gateway).receive("audio").join("/whep", "s1", "asr")
    talker = Peer(gateway)
    microphone = talker.pc.addTransceiver("audio", direction="sendrecv")
    await talker.receive("video").join("/session", "s1", "talker")
    assert asr.frames["audio"] == 0
    microphone.sender.replaceTrack(Tone())
    await until(lambda: asr.loudness() > 0.1)
    await talker.close()
    await asr.close()


async def test_viewers_survive_the_renderer(gateway: Gateway) -> None:
    """A renderer that vanishes and one that takes over are a pause for the viewer, who negotiates nothing."""
    first = await renderer(gateway, "s1", 60)
    viewer = await Peer(gateway).receive("audio", "video").join("/whep", "s1", "viewer")
    await until(lambda: 40 < viewer.level() < 80 and viewer.frames["audio"] > 0)
    # Not a word to the gateway, as when its process is killed.
    await asyncio.gather(*(s.stop() for s in first.pc.getSenders()))
    second = await renderer(gateway, "s1", 200)
    heard = viewer.frames["audio"]
    await until(lambda: viewer.level() > 180 and viewer.frames["audio"] > heard + 20 and viewer.loudness() > 0.1)
    assert viewer.pc.signalingState == "stable"
    for peer in (first, second, viewer):
        await peer.close()
