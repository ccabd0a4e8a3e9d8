"""A health check for containers: `python -IS services/common/ready.py PORT` fails unless the service there is ready.

It runs every few seconds beside each service, so it imports next to nothing and starts in some 15 ms.
"""

import socket
import sys


def main(port: int) -> int:
    """Exit status: 0 if `GET /readyz` on this machine's port is answered with 200."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=2) as connection:
            connection.sendall(b"GET /readyz HTTP/1.0\r\n\r\n")
            status = connection.recv(64).split(b" ", 2)[1:2]
    except OSError:
        return 1
    return 0 if status == [b"200"] else 1


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1])))
