"""Joining the gateway by WHIP: what is sent, what can go wrong, and that nothing is left behind."""

import asyncio
from collections.abc import AsyncIterator

import aiortc
import httpx
import pytest
from fastapi import FastAPI, Request, Response

from services.common.whip import (
    AddressError,
    AnswerError,
    AwayError,
    Connection,
    JoinError,
    MediaError,
    RefusedError,
    Target,
)

TARGET = Target("http://gateway/whip/s1", "let-me-in")


class Endpoint:
    """A gateway's endpoint; it answers each offer with a peer of its own, or as `instead` says."""

    def __init__(self) -> None:
        self.instead: Response | None = None
        self.deaf = self.gone = False
        self.offers: list[Request] = []
        self.deleted: list[tuple[str, str | None]] = []
        self.peers: list[aiortc.RTCPeerConnection] = []
        self.app = FastAPI()
        self.app.post("/whip/{session}")(self._answer)
        self.app.delete("/whip/{session}/{number}")(self._delete)

    async def _answer(self, session: str, request: Request) -> Response:
        self.offers.append(request)
        offer = (await request.body()).decode()
        if self.instead is not None:
            return self.instead
        peer = aiortc.RTCPeerConnection(aiortc.RTCConfiguration(iceServers=[]))
        self.peers.append(peer)
        await peer.setRemoteDescription(aiortc.RTCSessionDescription(offer, "offer"))
        await peer.setLocalDescription(await peer.createAnswer())
        answer = peer.localDescription.sdp
        if self.deaf:
            await peer.close()
        return Response(answer, 201, {"Location": "s1/1"}, "application/sdp")  # beside the endpoint: a relative one

    async def _delete(self, request: Request) -> Response:
        self.deleted.append((request.url.path, request.headers.get("Authorization")))
        return Response()


class Wire(httpx.ASGITransport):
    """Leads to the endpoint, unless it is gone."""

    def __init__(self, endpoint: Endpoint) -> None:
        super().__init__(endpoint.app)
        self._endpoint = endpoint

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if self._endpoint.gone:
            raise httpx.ConnectError("nobody listens")
        return await super().handle_async_request(request)


@pytest.fixture
async def endpoint() -> AsyncIterator[Endpoint]:
    endpoint = Endpoint()
    yield endpoint
    await asyncio.gather(*(peer.close() for peer in endpoint.peers))


@pytest.fixture
async def http(endpoint: Endpoint) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(transport=Wire(endpoint)) as client:
        yield client


def connection(http: httpx.AsyncClient, target: Target = TARGET, timeout_s: float = 10.0) -> Connection:
    made = Connection(http, target, timeout_s)
    made.peer.addTransceiver("audio", direction="recvonly")
    return made


LEFT = [("/whip/s1/1", "Bearer let-me-in")]
"""What an endpoint is told when a connection ends."""


async def test_it_stands_until_it_is_closed(endpoint: Endpoint, http: httpx.AsyncClient) -> None:
    """The offer goes out as SDP with the token; the resource, once there, is deleted once."""
    joined = connection(http)
    await joined.open()
    (request,) = endpoint.offers
    assert (await request.body()).decode() == joined.peer.localDescription.sdp
    sent = {name: request.headers[name] for name in ("content-type", "accept", "authorization")}
    assert sent == {"content-type": "application/sdp", "accept": "application/sdp", "authorization": "Bearer let-me-in"}
    assert joined.peer.connectionState == "connected"
    assert not joined.lost.is_set()
    assert endpoint.deleted == []
    await joined.close()
    await joined.close()
    assert endpoint.deleted == LEFT
    assert joined.lost.is_set()


async def test_a_gateway_that_hangs_up_is_noticed(endpoint: Endpoint, http: httpx.AsyncClient) -> None:
    """`lost` is set; closing works, also where nobody takes the DELETE."""
    joined = connection(http)
    await joined.open()
    await endpoint.peers[0].close()
    async with asyncio.timeout(10):
        await joined.lost.wait()
    endpoint.gone = True
    await joined.close()
    assert endpoint.deleted == []


@pytest.mark.parametrize(
    ("response", "sentence"),
    [
        (Response("the token is for another session", 401), "it answered 401: the token is for another session"),
        (Response("x" * 300, 500), "it answered 500: " + "x" * 200),
        (Response("v=0", 201), "it answered 201: v=0"),
    ],
)
async def test_a_refusal_tells_what_was_answered(
    endpoint: Endpoint, http: httpx.AsyncClient, response: Response, sentence: str
) -> None:
    """Anything but 201 with a Location: its status and how its text begins. There is nothing to delete."""
    endpoint.instead = response
    with pytest.raises(RefusedError) as refused:
        await connection(http).open()
    assert (refused.value.status, str(refused.value)) == (response.status_code, sentence)
    assert endpoint.deleted == []


@pytest.mark.parametrize(
    ("url", "kind"),
    [
        ("http://127.0.0.1:9/whip/s1", AwayError),
        ("ftp://gateway/whip/s1", AddressError),
        ("http://gateway:port/whip/s1", AddressError),
    ],
)
async def test_an_address_where_nobody_is(url: str, kind: type[JoinError]) -> None:
    """Told apart: one where nobody listens now, and one that never can be asked. Both say why."""
    async with httpx.AsyncClient(trust_env=False) as http:
        with pytest.raises(kind, match=r"\w"):
            await connection(http, Target(url, "let-me-in")).open()


async def test_an_answer_that_is_no_sdp(endpoint: Endpoint, http: httpx.AsyncClient) -> None:
    """It is said, and the resource that came with it is deleted."""
    endpoint.instead = Response("hello", 201, {"Location": "/whip/s1/1"})
    with pytest.raises(AnswerError, match="not valid SDP"):
        await connection(http).open()
    assert endpoint.deleted == LEFT


async def test_media_that_do_not_get_through(endpoint: Endpoint, http: httpx.AsyncClient) -> None:
    """Agreed on, and then silence at the address of the answer: the resource is deleted."""
    endpoint.deaf = True
    with pytest.raises(MediaError, match="UDP port"):
        await connection(http, timeout_s=0.5).open()
    assert endpoint.deleted == LEFT


async def test_opening_may_be_given_up(endpoint: Endpoint, http: httpx.AsyncClient) -> None:
    """Cancelled while the media connect, nothing of it is left."""
    endpoint.deaf = True
    given_up = connection(http)
    opening = asyncio.create_task(given_up.open())

    @given_up.peer.on("signalingstatechange")
    def answered() -> None:
        if given_up.peer.signalingState == "stable":
            opening.cancel()

    with pytest.raises(asyncio.CancelledError):
        await opening
    assert endpoint.deleted == LEFT
