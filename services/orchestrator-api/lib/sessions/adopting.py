"""An orchestrator that starts takes over the sessions of the one before it."""

from services.common.bus import AWAY
from services.common.logs import logger
from services.orchestrator_api.lib.bus import Registry
from services.orchestrator_api.lib.sessions.live import Sessions
from services.orchestrator_api.lib.upstream.http import ServiceError
from services.orchestrator_api.lib.upstream.renderer import Renderer
from services.orchestrator_api.lib.upstream.tts import Voice


async def adopt(sessions: Sessions, registry: Registry, renderer: Renderer) -> None:
    """Go on with every session that is registered and whose avatar is still on the air."""
    try:
        registered = await registry.all()
        on_air = await renderer.sessions() if registered else {}
    except (ServiceError, *AWAY) as error:
        logger().warning("sessions of before cannot be taken over", reason=str(error))
        return
    for id in registered.keys() & on_air.keys():
        fields = registered[id]
        session = sessions.new(
            id,
            avatar=fields.get("avatar") or None,
            voice=Voice(name, fields.get("voice_token") or None) if (name := fields.get("voice")) else None,
            style=fields.get("style") or None,
            turn=max(int(fields.get("turn", 0)), on_air[id]),
        )
        sessions.begin(session)
        logger().info("session taken over", session=id)
