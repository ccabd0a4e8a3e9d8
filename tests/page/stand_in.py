"""A stand-in for the orchestrator and all behind it: the same contract, a real peer connection, answers from a script.

It runs on a thread of its own, so that tests can drive a browser meanwhile. What the page sent is in `heard`.
"""

import asyncio
import secrets
import threading
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from concurrent.futures import Future
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Annotated, Any, TypeVar

import numpy as np
import uvicorn
from aiortc import MediaStreamTrack, RTCBundlePolicy, RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from aiortc.mediastreams import MediaStreamError
from aiortc.sdp import SessionDescription
from av import AudioFrame
from fastapi import FastAPI, Header, WebSocket, WebSocketDisconnect
from fastapi.staticfiles import StaticFiles
from pydantic import BaseModel

from services.common.errors import Problem, install_problem_handlers
from services.common.messages import Event
from tests.page.live import SOURCES, STYLES, Live
from tests.page.media import FaceTrack, VoiceTrack

PAGE = Path(__file__).parents[2] / "web-samples" / "minimal-webrtc-client"
LOUD = 1000  # of 32767: a frame of the microphone that is so loud is no silence

ANSWER = (
    "FlashbackAvatars gives your documents a face. You ask by voice or keyboard, and it answers aloud, in sync, "
    "with the sources it used. You can interrupt it like a person."
)

Result = TypeVar("Result")


class Offer(BaseModel):
    sdp: str
    type: str
    session: str | None = None


class Ask(BaseModel):
    text: str
    session: str | None = None


class Style(BaseModel):
    style: str
    session: str | None = None


class StandIn:
    """The server. Methods may be called from any thread."""

    def __init__(self) -> None:
        self.heard: list[tuple[str, dict[str, Any]]] = []
        self._news = threading.Condition()
        self.sessions: dict[str, Live] = {}
        self.away: Problem | None = None  # what every POST /session is answered with
        self.refuse_control = False
        self.answer = ANSWER
        self.offered = STYLES  # looks that the page may choose from; only those of STYLES work
        self._server = uvicorn.Server(
            uvicorn.Config(self._app(), port=0, log_level="error", loop="asyncio", ws_ping_interval=None)
        )
        self._thread = threading.Thread(target=self._server.run, daemon=True)

    # --- from the tests -----------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Serves on a free port."""
        self._thread.start()
        deadline = time.monotonic() + 10
        while not self._server.started:
            assert time.monotonic() < deadline
            time.sleep(0.005)
        self.url = f"http://127.0.0.1:{self._server.servers[0].sockets[0].getsockname()[1]}/"

    def stop(self) -> None:
        self._server.should_exit = True
        self._thread.join(10)

    def of(self, kind: str, at_least: int = 0) -> list[dict[str, Any]]:
        """What came of this kind: a verb, the name of a POST, "sound" of the microphone. Waits for so many."""

        def came() -> list[dict[str, Any]]:
            return [body for name, body in self.heard if name == kind]

        with self._news:
            assert self._news.wait_for(lambda: len(came()) >= at_least, 20), f"{len(came())} of {kind}"
        return came()

    def only(self) -> Live:
        (live,) = self.sessions.values()
        return live

    def emit(self, event: Event) -> None:
        """Sends an event of a session to whoever follows it."""
        self._run(lambda: self.sessions[event.session].emit(event))

    def grow_ears(self) -> None:
        """asr listens to the session from now on."""

        async def grow() -> None:
            live = self.only()
            live.heard_here = True
            await live.become(live.state)

        self._run(grow)

    def drop_control(self) -> None:
        """Every control channel breaks, as when a proxy restarts."""
        self._run(lambda: self._close_sockets(1012))

    def drop_peers(self) -> None:
        """Every peer connection ends, as when the gateway restarts."""
        self._run(self._close_peers)

    def forget(self) -> None:
        """All sessions are gone."""

        async def forget() -> None:
            self.sessions, gone = {}, self.sessions
            for live in gone.values():
                live.silence()
                for peer in live.peers:
                    await peer.close()
                for socket in list(live.sockets):
                    await socket.close(1001)

        self._run(forget)

    def _hear(self, kind: str, body: dict[str, Any]) -> None:
        with self._news:
            self.heard.append((kind, body))
            self._news.notify_all()

    def _run(self, work: Callable[[], Coroutine[Any, Any, Result]]) -> Result:
        future: Future[Result] = asyncio.run_coroutine_threadsafe(work(), self._loop)
        return future.result(10)

    # --- the contract -------------------------------------------------------------------------------------------------

    def _app(self) -> FastAPI:
        @asynccontextmanager
        async def lifespan(_: FastAPI) -> AsyncIterator[None]:
            self._loop = asyncio.get_running_loop()
            yield
            await self._close_peers()

        app = FastAPI(lifespan=lifespan)
        install_problem_handlers(app)

        @app.post("/session", status_code=201)
        async def session(offer: Offer, authorization: Annotated[str | None, Header()] = None) -> dict[str, Any]:
            self._hear("session", offer.model_dump() | {"authorization": authorization})
            if self.away:
                raise self.away
            return await self._join(offer)

        @app.get("/session/{session}")
        async def look(session: str) -> dict[str, Any]:
            live = self._live(session)
            return {"session": live.id, "state": live.state, "turn": live.turn, "style": live.style}

        @app.post("/answer")
        async def answer(ask: Ask) -> dict[str, Any]:
            self._hear("answer", ask.model_dump())
            citations = [{"source": s, "title": t, "quote": q, "t": 0} for s, t, q in SOURCES]
            return {
                "session": ask.session,
                "turn": 1,
                "text": ANSWER,
                "citations": citations,
                "spoken": False,
                "latency": {},
            }

        @app.post("/style")
        async def style(style: Style) -> dict[str, Any]:
            self._hear("style", style.model_dump())
            if style.style not in STYLES:
                raise Problem(422, f"style: there is no {style.style}; there are {', '.join(STYLES)}")
            self._live(style.session or "").style = style.style
            return {"session": style.session, "style": style.style}

        @app.get("/styles")
        async def styles() -> dict[str, Any]:
            return {"styles": self.offered, "style": STYLES[0]}

        @app.websocket("/control")
        async def control(socket: WebSocket, session: str, token: str) -> None:
            live = self.sessions.get(session)
            if self.refuse_control:
                await socket.close(1013)
                return
            await socket.accept()
            if live is None or token != live.token:
                await socket.close(4401 if live else 4404)
                return
            live.sockets.append(socket)
            await socket.send_text(live.report().model_dump_json())
            try:
                while True:
                    message = await socket.receive_json()
                    self._hear(message["type"], message)
                    await self._obey(live, message)
            except WebSocketDisconnect:
                live.sockets.remove(socket)

        app.mount("/", StaticFiles(directory=PAGE, html=True))
        return app

    def _live(self, session: str) -> Live:
        if session not in self.sessions:
            raise Problem(404, f"There is no session {session}; open one with POST /session.")
        return self.sessions[session]

    async def _join(self, offer: Offer) -> dict[str, Any]:
        live = self._live(offer.session) if offer.session else Live(secrets.token_hex(4))
        self.sessions[live.id] = live
        # Balanced, aiortc's default, leaves a second audio section behind on a transport that is never started.
        peer = RTCPeerConnection(RTCConfiguration(bundlePolicy=RTCBundlePolicy.MAX_BUNDLE))
        live.peers.append(peer)

        @peer.on("track")
        def microphone(track: MediaStreamTrack) -> None:
            live.ears.append(asyncio.create_task(self._listen(live, track)))

        await peer.setRemoteDescription(RTCSessionDescription(offer.sdp, offer.type))
        tracks = {"video": FaceTrack(live.loudness), "audio": VoiceTrack(live.loudness)}
        receives = {
            section.rtp.muxId
            for section in SessionDescription.parse(offer.sdp).media
            if section.direction in ("recvonly", "sendrecv")
        }
        for transceiver in peer.getTransceivers():
            if transceiver.mid in receives and transceiver.kind in tracks:
                transceiver.sender.replaceTrack(tracks.pop(transceiver.kind))
                transceiver.direction = "sendonly"
        await peer.setLocalDescription(await peer.createAnswer())
        return {
            "session": live.id,
            "sdp": peer.localDescription.sdp,
            "type": "answer",
            "token": live.token,
            "ice_servers": [],
        }

    async def _listen(self, live: Live, track: MediaStreamTrack) -> None:
        with suppress(MediaStreamError):  # the track ended
            while True:
                frame = await track.recv()
                live.microphone_frames += 1
                if isinstance(frame, AudioFrame) and np.abs(frame.to_ndarray().astype(int)).max() > LOUD:
                    self._hear("sound", {})

    async def _obey(self, live: Live, message: dict[str, Any]) -> None:
        match message["type"]:
            case "start_reply":
                await live.reply(self.answer)
            case "cancel":
                await live.interrupt()
            case "user_speaking" if message["speaking"]:
                await live.pause()
            case "user_speaking":
                await live.resume()

    async def _close_sockets(self, code: int) -> None:
        for live in self.sessions.values():
            for socket in list(live.sockets):
                await socket.close(code)

    async def _close_peers(self) -> None:
        for live in self.sessions.values():
            peers, live.peers = live.peers, []
            for peer in peers:
                await peer.close()
