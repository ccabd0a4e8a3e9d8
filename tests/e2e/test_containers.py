"""What only containers have: crashes that the engine mends, restarts, confinement, the log of `docker compose up`."""

import asyncio
import re
import subprocess
import time
from typing import cast

import pytest

from services.stack.compose import READY, ComposeStack
from tests.e2e.stack import Stack
from tests.viewer import Viewer, eventually

QUESTION = "What is FlashbackAvatars?"
OWN = ["sfu-gateway", "rag-llm", "tts", "renderer", "orchestrator-api"]


@pytest.fixture
def containers(stack: Stack) -> ComposeStack:
    return cast(ComposeStack, stack)


async def speaks(viewer: Viewer) -> None:
    asked = time.monotonic()
    answer = await viewer.ask(QUESTION)
    assert answer["spoken"] is True
    await eventually(lambda: len(viewer.voiced_since(asked)) > 25, why="no voice")


def test_the_log_of_up_ends_in_one_line_that_says_what_to_open(containers: ComposeStack) -> None:
    """A newcomer reads no warning and no error before the one line with the address."""
    before, _, after = containers.log().partition(READY)
    alarming = [line for line in before.splitlines() if re.search(r"warn|error|fail|denied|traceback|\bW:", line, re.I)]
    assert alarming == []
    assert after.startswith(f": open http://localhost:{containers.parts['orchestrator-api'].port}\n")
    assert READY not in after


@pytest.mark.parametrize("name", OWN)
def test_a_container_may_do_little(containers: ComposeStack, name: str) -> None:
    """Not root, nothing writable but its volumes and /tmp, no capabilities, no way to gain any."""
    host = (
        "{{.HostConfig.ReadonlyRootfs}} {{.HostConfig.CapDrop}} {{.HostConfig.SecurityOpt}} {{.HostConfig.Privileged}}"
    )
    assert containers.inspect(name, host) == "true [ALL] [no-new-privileges:true] false"
    assert containers.inspect(name, "{{.Config.User}}") == "65532:65532"


@pytest.mark.parametrize("name", OWN[1:])
def test_images_of_the_default_profile_carry_no_torch(containers: ComposeStack, name: str) -> None:
    """Neither torch nor CUDA, which would multiply their size."""
    look = "import importlib.util as u; print(*(m for m in ('torch', 'nvidia', 'triton') if u.find_spec(m)))"
    assert containers.compose("exec", "-T", name, "python", "-c", look) == ""


@pytest.mark.parametrize("name", ["redis", *OWN])
async def test_a_crash_is_mended_by_the_engine(containers: ComposeStack, viewer: Viewer, name: str) -> None:
    """A process that dies is started again, and the session goes on; its viewer joins anew only after the gateway's."""
    await speaks(viewer)
    await asyncio.to_thread(containers.crash, name)
    await asyncio.to_thread(containers.wait_ready, name)
    back = time.monotonic()
    if name == "sfu-gateway":
        async with Viewer(containers.url, viewer.session, viewer.token) as again:
            await eventually(lambda: again.video.samples and again.audio.samples, 30, "no picture or no sound")
            await speaks(again)
        return
    await eventually(lambda: len(viewer.video.since(back)) > 30, 30, "the picture did not come back")
    await answered(viewer)


async def answered(viewer: Viewer, within_s: float = 30) -> None:
    """Services find each other again by themselves; until then a question is refused with a sentence."""
    deadline = time.monotonic() + within_s
    question = {"text": QUESTION, "session": viewer.session}
    while (answer := await viewer.http.post("/answer", json=question)).status_code != 200 or not answer.json()[
        "spoken"
    ]:
        assert time.monotonic() < deadline, answer.text
        await asyncio.sleep(0.2)
    await speaks(viewer)


async def test_the_renderer_is_restarted_in_the_middle_of_an_answer(containers: ComposeStack, viewer: Viewer) -> None:
    """`docker compose restart renderer`: whoever watches sees the face again without joining anew, and it speaks."""
    async with viewer.control() as control:
        await control.send("start_reply", text=QUESTION)
        await control.wait_for(lambda e: e["type"] == "playback" and e["phase"] == "started")
        await asyncio.to_thread(containers.compose, "restart", "renderer")
        back = time.monotonic()
        await eventually(lambda: len(viewer.video.since(back)) > 30, 30, "the picture did not come back")
        await answered(viewer)


async def test_everything_stops_cleanly_and_starts_again(containers: ComposeStack, viewer: Viewer) -> None:
    """Every container ends on its own within its ten seconds; started again, an old page's token is still good."""
    session, token = viewer.session, viewer.token
    await asyncio.to_thread(containers.compose, "stop")
    codes = {name: int(containers.inspect(name, "{{.State.ExitCode}}")) for name in ["redis", *OWN]}
    assert {name: code for name, code in codes.items() if code not in (0, 143)} == {}
    await asyncio.to_thread(containers.restart)
    async with Viewer(containers.url, session, token) as again:
        await eventually(lambda: again.video.samples and again.audio.samples, 30, "no picture or no sound")
        await answered(again)
        await again.http.delete(f"/session/{again.session}", headers={"Authorization": f"Bearer {again.token}"})


def test_the_image_of_the_gateway_holds_one_program(containers: ComposeStack) -> None:
    """Distroless: there is no shell to be had in it."""
    image = containers.inspect("sfu-gateway", "{{.Image}}")
    command = ["docker", "run", "--rm", "--entrypoint", "/bin/sh", image, "-c", "true"]
    assert subprocess.run(command, capture_output=True, check=False).returncode != 0
