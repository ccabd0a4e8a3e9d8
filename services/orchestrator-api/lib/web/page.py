"""The sample page, served as it lies on disk."""

from pathlib import Path

from starlette.responses import Response
from starlette.staticfiles import StaticFiles
from starlette.types import Receive, Scope, Send

FOLDER = Path(__file__).resolve().parents[4] / "web-samples" / "minimal-webrtc-client"


class Page(StaticFiles):
    """Never outside its folder; always revalidated, so that an edit shows at the next reload."""

    def __init__(self) -> None:
        super().__init__(directory=FOLDER, html=True)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 4404, "reason": "there is only /control"})
            return
        await super().__call__(scope, receive, send)

    def file_response(self, *args: object, **kwargs: object) -> Response:
        """As `StaticFiles` has it, to be revalidated."""
        response = super().file_response(*args, **kwargs)  # type: ignore[arg-type]
        response.headers["Cache-Control"] = "no-cache"
        return response
