"""A real browser's offers, in the arrangements that the page uses."""

import shutil

import pytest
from playwright.async_api import Page, async_playwright

from tests.chromium import MICROPHONE, QUIET, SOUND
from tests.gateway.peers import Gateway, Peer, Pictures, Tone, bearer, until

JOIN = """async ({direction, authorization}) => {
    const pc = window.pc = new RTCPeerConnection();
    window.negotiations = 0;
    pc.onnegotiationneeded = () => window.negotiations++;
    const face = document.body.appendChild(document.createElement('video'));
    face.autoplay = true;
    pc.ontrack = event => { face.srcObject = event.streams[0]; };
    window.microphone = pc.addTransceiver('audio', {direction});
    pc.addTransceiver('video', {direction: 'recvonly'});
    await pc.setLocalDescription();
    const answer = await fetch('/session/s1', {
        method: 'POST',
        headers: {'Content-Type': 'application/json', 'Authorization': authorization},
        body: JSON.stringify({sdp: pc.localDescription.sdp}),
    });
    await pc.setRemoteDescription(await answer.json());
    return window.microphone.currentDirection;
}"""

RECEIVED = """async () => {
    const found = {negotiations: window.negotiations, frames: 0, audio: 0};
    (await window.pc.getStats()).forEach(s => {
        if (s.type !== 'inbound-rtp') return;
        if (s.kind === 'video') found.frames = s.framesDecoded;
        if (s.kind === 'audio') found.audio = s.totalAudioEnergy;
    });
    return found;
}"""

GRANT = """async () => {
    const stream = await navigator.mediaDevices.getUserMedia({audio: true});
    await window.microphone.sender.replaceTrack(stream.getAudioTracks()[0]);
}"""


@pytest.mark.parametrize("direction", ["sendrecv", "recvonly"])
async def test_chromium_joins_without_a_microphone(gateway: Gateway, direction: str) -> None:
    """Chromium sees and hears the avatar whether its audio section could send or not; no new offer is asked for.

    Where it can send, a microphone that is granted later is heard at once.
    """
    face = Peer(gateway)
    face.send(Tone(), Pictures(120))
    await face.join("/whip", "s1", "renderer")
    asr = await Peer(gateway).receive("audio").join("/whep", "s1", "asr")
    async with async_playwright() as playwright:
        flags = [*QUIET, *MICROPHONE, SOUND]
        browser = await playwright.chromium.launch(executable_path=shutil.which("chromium"), args=flags)
        page = await browser.new_page()
        await page.goto(f"{gateway.http.base_url}/healthz")
        authorization = bearer("s1", "talker")["Authorization"]
        agreed = await page.evaluate(JOIN, {"direction": direction, "authorization": authorization})
        assert agreed == direction
        await until(lambda: received(page))
        assert asr.frames["audio"] == 0
        if direction == "sendrecv":
            await page.evaluate(GRANT)
            await until(lambda: asr.loudness() > 0.01)
        assert (await page.evaluate(RECEIVED))["negotiations"] == 0
        await browser.close()
    await face.close()
    await asr.close()


async def received(page: Page) -> bool:
    """Whether a second of video was decoded, and sound that can be heard."""
    now = await page.evaluate(RECEIVED)
    return bool(now["frames"] >= 15 and now["audio"] > 0)
