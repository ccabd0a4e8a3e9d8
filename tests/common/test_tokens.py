"""Join tokens."""

import jwt
import pytest

from services.common.errors import Problem
from services.common.tokens import Grant, issue, verify

SECRET = "0123456789abcdef0123456789abcdef"


def test_a_token_grants_one_role_in_one_session() -> None:
    """What was issued is what is granted, and the claims are the gateway's: sid, role, exp."""
    token = issue(SECRET, "s1", "viewer")
    assert verify(SECRET, token) == Grant("s1", "viewer")
    assert jwt.get_unverified_header(token)["alg"] == "HS256"
    assert set(jwt.decode(token, SECRET, algorithms=["HS256"])) == {"sid", "role", "exp"}


@pytest.mark.parametrize(
    ("token", "named"),
    [
        ("", "not valid"),
        ("a.b.c", "not valid"),
        (issue("another-secret-another-secret-!!", "s1", "viewer"), "not valid"),
        (issue(SECRET, "s1", "viewer", ttl_s=-1), "expired"),
        (jwt.encode({"sid": "s1", "role": "viewer"}, SECRET, algorithm="HS256"), "not valid"),
        (jwt.encode({"role": "viewer", "exp": 1 << 33}, SECRET, algorithm="HS256"), "not valid"),
        (jwt.encode({"sid": "s1", "role": "king", "exp": 1 << 33}, SECRET, algorithm="HS256"), "not valid"),
        (jwt.encode({"sid": 7, "role": "viewer", "exp": 1 << 33}, SECRET, algorithm="HS256"), "not valid"),
        (jwt.encode({"sid": "s1", "role": "viewer", "exp": 1 << 33}, "", algorithm="none"), "not valid"),
        (jwt.encode({"sid": "s1", "role": "viewer", "exp": 1 << 33}, SECRET * 2, algorithm="HS512"), "not valid"),
        (issue(SECRET, "s1", "viewer")[:-2] + "xx", "not valid"),
    ],
)
def test_anything_else_is_refused(token: str, named: str) -> None:
    """Missing, forged, expired, incomplete or unsigned: 401 with a sentence."""
    with pytest.raises(Problem, match=named) as refused:
        verify(SECRET, token)
    assert refused.value.status == 401
