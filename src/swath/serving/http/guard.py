"""What stands before every route: who may ask, how much may be sent, how long it may take, and headers."""

from __future__ import annotations

import asyncio
import hmac
import secrets
from http.cookies import CookieError, SimpleCookie

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from swath.serving.http.limits import Limits
from swath.serving.http.problems import response

COOKIE = "swath-session"
_OPEN = ("/healthz", "/", "/session")
_PAGE = "/page/"
"""Nothing below it is of the archive, so the page can ask for the token."""

_HEADERS = {
    "Cache-Control": "no-cache",
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; worker-src 'self'; style-src 'self'; connect-src 'self'; "
        "img-src 'self' blob: data:; form-action 'none'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
}


class Guard:
    """ASGI middleware. `hosts` are the names by which the server may be called (None: any).

    A page from elsewhere whose name was made to point to this machine would otherwise read a server that
    listens to this machine alone (DNS rebinding).
    """

    def __init__(self, app: ASGIApp, limits: Limits, token: str | None, hosts: frozenset[str] | None) -> None:
        self._app, self._limits, self._token, self._hosts = app, limits, token, hosts
        self._session = secrets.token_urlsafe(32)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, or refuse."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        begun = False

        async def sending(message: Message) -> None:
            nonlocal begun
            if message["type"] == "http.response.start":
                begun = True
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        try:
            async with asyncio.timeout(self._limits.answering):
                await self._admit(scope, receive, sending)
        except TimeoutError:
            if begun:
                raise  # the connection is closed on a client that does not read
            await response(503, "The answer took too long: try again", {"Retry-After": "5"})(
                scope, receive, sending
            )

    async def _admit(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = Headers(scope=scope)
        if self._hosts is not None and _name(headers.get("host", "")) not in self._hosts:
            await response(421, "This server is not called by that name")(scope, receive, send)
        elif headers.get("sec-fetch-site") == "cross-site" and headers.get("sec-fetch-mode") != "navigate":
            # Pages from elsewhere could not read the answer, but would keep the threads busy.
            await response(403, "Pages of other sites may not ask this server")(scope, receive, send)
        elif scope["path"] == "/session" and self._token is not None:
            await self._log_in(scope, headers, receive, send)
        elif not self._may(scope["path"], headers):
            challenge = {"WWW-Authenticate": 'Bearer realm="swath"'}
            detail = "Send the server's token: Authorization: Bearer TOKEN"
            await response(401, detail, challenge)(scope, receive, send)
        else:
            await self._with_body(scope, headers, receive, send)

    async def _with_body(self, scope: Scope, headers: Headers, receive: Receive, send: Send) -> None:
        """Take in the whole body before anything runs: a slow client holds a connection, and no thread."""
        most, body = self._limits.body, bytearray()
        length = headers.get("content-length", "0")
        too_long = length.isdigit() and int(length) > most
        try:
            async with asyncio.timeout(self._limits.receiving):
                while not too_long:
                    message = await receive()
                    if message["type"] == "http.disconnect":
                        return
                    body += message.get("body", b"")
                    too_long = len(body) > most
                    if not message.get("more_body", False):
                        break
        except TimeoutError:
            detail = f"The body did not arrive within {self._limits.receiving:g} s"
            await response(408, detail, {"Connection": "close"})(scope, receive, send)
            return
        if too_long:
            detail = f"The body is too large: send at most {most:,} bytes"
            await response(413, detail, {"Connection": "close"})(scope, receive, send)
            return
        given = False

        async def again() -> Message:
            nonlocal given
            if given:
                return await receive()
            given = True
            return {"type": "http.request", "body": bytes(body), "more_body": False}

        await self._app(scope, again, send)

    def _may(self, path: str, headers: Headers) -> bool:
        if self._token is None or path in _OPEN or path.startswith(_PAGE):
            return True
        return self._has_token(headers) or self._has_session(headers)

    def _has_token(self, headers: Headers) -> bool:
        scheme, _, given = headers.get("authorization", "").partition(" ")
        assert self._token is not None
        return scheme.lower() == "bearer" and _same(given.strip(), self._token)

    def _has_session(self, headers: Headers) -> bool:
        try:
            cookie = SimpleCookie(headers.get("cookie", "")).get(COOKIE)
        except CookieError:
            return False
        return cookie is not None and _same(cookie.value, self._session)

    async def _log_in(self, scope: Scope, headers: Headers, receive: Receive, send: Send) -> None:
        """Give a browser that knows the token a cookie, which pictures can be asked for with.

        It holds a number of this process in the token's place, and no script can read it.
        """
        if scope["method"] != "POST":
            await response(405, "POST the token as Authorization: Bearer", {"Allow": "POST"})(
                scope, receive, send
            )
        elif self._has_token(headers):
            await send(
                {
                    "type": "http.response.start",
                    "status": 204,
                    "headers": [
                        (
                            b"set-cookie",
                            f"{COOKIE}={self._session}; Path=/; HttpOnly; SameSite=Strict".encode(),
                        ),
                        (b"cache-control", b"no-store"),
                    ],
                }
            )
            await send({"type": "http.response.body", "body": b""})
        else:
            await response(401, "That is not the token of this server")(scope, receive, send)


def _same(given: str, known: str) -> bool:
    return hmac.compare_digest(given.encode("utf-8", "replace"), known.encode())


def _name(host: str) -> str:
    """A Host header without its port."""
    if host.startswith("["):
        return host.partition("]")[0][1:].lower()
    return host.partition(":")[0].lower()
