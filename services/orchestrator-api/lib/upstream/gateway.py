"""sfu-gateway, as the orchestrator sees it."""

from pydantic import BaseModel, TypeAdapter

from services.orchestrator_api.lib.upstream.http import CHECK_S, Service

JOIN_S = 30.0
"""The gateway may have to gather its addresses before it answers an offer."""


class _Sdp(BaseModel):
    sdp: str


class _Room(BaseModel):
    session: str
    viewers: int


class _Rooms(BaseModel):
    sessions: list[_Room]


_SDP = TypeAdapter(_Sdp)
_ROOMS = TypeAdapter(_Rooms)


class Gateway(Service):
    """sfu-gateway: where the browsers' media goes."""

    def __init__(self, address: str) -> None:
        super().__init__("sfu-gateway", address)

    async def join(self, session: str, sdp: str, token: str) -> str:
        """The SDP that answers a browser's offer."""
        answer = await self.call("POST", f"/session/{session}", body={"sdp": sdp}, token=token, timeout_s=JOIN_S)
        return self.parsed(_SDP, answer.content).sdp

    async def viewers(self, token: str) -> dict[str, int]:
        """How many watch each session."""
        answer = await self.call("GET", "/sessions", token=token, timeout_s=CHECK_S)
        return {room.session: room.viewers for room in self.parsed(_ROOMS, answer.content).sessions}

    async def close_session(self, session: str, token: str) -> None:
        """Every peer of it is disconnected."""
        await self.call("DELETE", f"/session/{session}", token=token)
