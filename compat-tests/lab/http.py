"""A plain HTTP client whose connections start in a chosen namespace."""

import http.client
import socket
from collections import namedtuple

Answer = namedtuple("Answer", "status headers body")
"""One response; status 0 and the error in `body` when there was none."""


def get(space, address, path="/", port=80, timeout=5.0, headers=None, keep=None):
    """GET on a connection of its own (`Connection: close`), or on `keep`, a connection from `connect`."""
    connection = keep
    try:
        if connection is None:
            connection = connect(space, address, port, timeout)
        fields = {} if keep else {"Connection": "close"}
        connection.request("GET", path, headers={**fields, **(headers or {})})
        response = connection.getresponse()
        return Answer(response.status, dict(response.getheaders()), response.read().decode("utf-8", "replace"))
    except (OSError, http.client.HTTPException) as error:
        return Answer(0, {}, f"{type(error).__name__}: {error}")
    finally:
        if keep is None and connection is not None:
            connection.close()


def connect(space, address, port=80, timeout=5.0):
    """An open connection for several requests."""
    sock = space.tcp_socket() if space else socket.socket()
    sock.settimeout(timeout)
    connection = http.client.HTTPConnection(address, port, timeout=timeout)
    try:
        sock.connect((address, port))
    except OSError:
        sock.close()
        raise
    connection.sock = sock
    return connection


def alternates(bodies, names):
    """Whether the answers are the two names strictly in turn."""
    stripped = [body.strip() for body in bodies]
    return set(stripped) == set(names) and all(a != b for a, b in zip(stripped, stripped[1:]))
