"""Light, background and colour: fixed presets only."""

from fastapi import APIRouter

from services.orchestrator_api.lib.contracts import StyleInForce, Styles, StyleWanted
from services.orchestrator_api.lib.upstream.http import ServiceError
from services.orchestrator_api.routes.access import Live, Upstream

api = APIRouter(tags=["style"])


@api.post("/style")
async def set_style(wanted: StyleWanted, sessions: Live) -> StyleInForce:
    """Change to a preset; the answer is the one in force."""
    session = sessions.must_mean(wanted.session)
    return StyleInForce(session=session.id, style=await session.restyle(wanted.style))


@api.get("/styles")
async def list_styles(services: Upstream) -> Styles:
    """The presets there are, and the one baked at start."""
    try:
        return await services.renderer.styles()
    except ServiceError as error:
        raise error.problem() from error
