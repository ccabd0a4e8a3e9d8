"""Problem documents, as the renderer answers them."""

from typing import Any

import httpx


def problem(response: httpx.Response, status: int, *mentions: str) -> dict[str, Any]:
    """The problem document of a response that must be one."""
    assert response.status_code == status, response.text
    assert response.headers["Content-Type"] == "application/problem+json"
    document: dict[str, Any] = response.json()
    for mention in mentions:
        assert mention in document["detail"], document
    return document
