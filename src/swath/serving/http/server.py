"""Running the application: uvicorn, with an end to waiting for slow clients."""

from __future__ import annotations

import asyncio
import ipaddress
import signal
import socket
from contextlib import ExitStack
from typing import Any

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from swath.errors import InputError
from swath.serving.http.app import make_app
from swath.serving.http.service import Service

_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


class Impatient(H11Protocol):
    """Closes a connection whose request line and headers do not arrive in time."""

    patience = 15.0
    _timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait for the first request."""
        super().connection_made(transport)
        self._wait()

    def data_received(self, data: bytes) -> None:
        """Bytes that trickle in are no reason to wait longer, headers that have ended are."""
        super().data_received(data)
        if self.cycle is not None and not self.cycle.response_complete:
            self._rest()
        elif self._timer is None:
            self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop waiting."""
        self._rest()
        super().connection_lost(exc)

    def _wait(self) -> None:
        self._timer = self.loop.call_later(self.patience, self.transport.close)

    def _rest(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach what listens there."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def bind(host: str, port: int) -> socket.socket:
    """A socket that listens. `port` 0 takes any that is free. Raises `InputError` where it cannot be had."""
    with ExitStack() as undo:
        try:
            family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
            listening = undo.enter_context(socket.socket(family, kind, protocol))
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listening.bind(address)
            listening.listen(2048)
        except OSError as error:
            why = error.strerror or error
            raise InputError(
                f"cannot listen on {host}, port {port}: {why}; choose another --port or --host"
            ) from error
        undo.pop_all()
    return listening


def run(
    service: Service, listening: socket.socket, host: str, token: str | None, *, log: bool = False
) -> None:
    """Answer until Ctrl-C or SIGTERM; what runs then is still answered. `log` writes a line a request."""
    limits = service.limits
    hosts = _LOOPBACK | {host} if is_loopback(host) else None
    protocol: Any = type("Protocol", (Impatient,), {"patience": limits.receiving})
    config = uvicorn.Config(
        make_app(service, token=token, hosts=hosts),
        http=protocol,
        ws="none",
        loop="asyncio",
        access_log=log,
        log_level="info" if log else "error",
        server_header=False,
        limit_concurrency=limits.connections,
        h11_max_incomplete_event_size=limits.header,
        timeout_keep_alive=10,
        timeout_graceful_shutdown=int(limits.seconds) + 5,
    )
    # Both signals are how a server ends: uvicorn takes them, and raises them again when all is answered.
    before = {number: signal.signal(number, _ended) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        uvicorn.Server(config).run(sockets=[listening])
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _ended(_number: int, _frame: object) -> None:
    """Nothing is left to do."""
