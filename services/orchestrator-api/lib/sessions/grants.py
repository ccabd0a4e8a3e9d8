"""Who may take part in a session, and as what."""

from services.common import tokens
from services.common.errors import Problem

CALL_TOKEN_S = 60
"""Tokens for a single call to the gateway."""


class Grants:
    """Signs a token for each who takes part, with the gateway's address that it is for, and checks what pages send."""

    def __init__(self, secret: str, gateway: str) -> None:
        self._secret, self._gateway = secret, gateway

    def admit(self, session: str, token: str) -> tokens.Grant:
        """What a page's token grants. Raises `Problem` 401 or 403."""
        grant = tokens.verify(self._secret, token)
        if grant.session != session or grant.role not in ("talker", "viewer"):
            raise Problem(
                403, f"The token is not for session {session}; use the one that POST /session returned for it."
            )
        return grant

    def for_page(self, session: str, role: tokens.Role) -> str:
        """Opens `WS /control`; a talker's closes the session as well."""
        return tokens.issue(self._secret, session, role)

    def for_renderer(self, session: str) -> tuple[str, str]:
        """Where the avatar is published, and the token for it."""
        return f"{self._gateway}/whip/{session}", tokens.issue(self._secret, session, "renderer")

    def for_asr(self, session: str) -> tuple[str, str]:
        """Where the microphone is heard, and the token for it."""
        return f"{self._gateway}/whep/{session}", tokens.issue(self._secret, session, "asr")

    def for_own_call(self) -> str:
        """For one call of the orchestrator to the gateway."""
        return tokens.issue(self._secret, tokens.ANY_SESSION, "orchestrator", CALL_TOKEN_S)
