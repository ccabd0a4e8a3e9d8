"""asr, as the orchestrator sees it."""

from services.orchestrator_api.lib.upstream.http import CHECK_S, Service


class Asr(Service):
    """asr: listens at a session's microphone. What it hears comes by the bus."""

    def __init__(self, address: str) -> None:
        super().__init__("asr", address)

    async def listen(self, session: str, listen_url: str, token: str) -> None:
        """Listen here; it may have listened before."""
        body = {"session": session, "listen_url": listen_url, "token": token}
        await self.call("POST", "/v1/sessions", body=body)

    async def leave(self, session: str) -> None:
        """Listen there no longer."""
        await self.call("DELETE", f"/v1/sessions/{session}")

    async def spoken(self, session: str, turn: int, text: str) -> None:
        """What the avatar is saying, so that its echo is known; blank once it is silent."""
        body = {"turn": turn, "text": text}
        await self.call("POST", f"/v1/sessions/{session}/spoken", body=body, timeout_s=CHECK_S)
