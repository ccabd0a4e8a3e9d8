"""What aiortc and aioice, which carry WebRTC connections, have no settings or names for.

Importing it changes aioice for the whole process: import it where connections are made.
"""

import aioice.ice
from aiortc.exceptions import InvalidStateError

BAD_SDP = (ValueError, InvalidStateError, AttributeError, IndexError)
"""What `setRemoteDescription` raises for an answer that is not valid SDP."""

# A gateway that vanished without a word is noticed by its silence to ICE's consent checks (RFC 7675). aioice's own 6
# checks every 5 s would leave viewers without a picture, and asr without a microphone, for half a minute.
aioice.ice.CONSENT_INTERVAL = 1
aioice.ice.CONSENT_FAILURES = 2

_found_addresses = aioice.ice.get_host_addresses


def _host_addresses(use_ipv4: bool, use_ipv6: bool) -> list[str]:
    """As aioice's own, which leaves loopback out; but a machine without a network can reach the gateway only by it."""
    return _found_addresses(use_ipv4, use_ipv6) or ["127.0.0.1"]


aioice.ice.get_host_addresses = _host_addresses
