"""Read a request's body into memory within limits, whatever its head claims."""

from __future__ import annotations

import asyncio

from starlette.types import Message, Receive


class BodyTooLarge(Exception):
    """More bytes came than the limit allows."""


class BodyTooSlow(Exception):
    """The body was not complete within its time limit."""


class ClientGone(Exception):
    """The client hung up."""


class BufferedBody:
    """A body that was read, to be read again by the application.

    After the body, a single pending ``receive`` watches for the client hanging up; application and queue share it.
    """

    def __init__(self, data: bytes, receive: Receive) -> None:
        self._data: bytes | None = data
        self._receive = receive
        self._next: asyncio.Task[Message] | None = None

    @property
    def data(self) -> bytes:
        """The body, until the application has received it."""
        return self._data or b""

    def watch(self) -> asyncio.Task[Message]:
        """The task that ends when the client hangs up."""
        if self._next is None:
            self._next = asyncio.create_task(_call(self._receive))
        return self._next

    async def receive(self) -> Message:
        """ASGI ``receive``: the body in one piece, then what comes after it."""
        if self._data is not None:
            data, self._data = self._data, None
            return {"type": "http.request", "body": data, "more_body": False}
        return await asyncio.shield(self.watch())

    def close(self) -> None:
        """Stop watching."""
        if self._next is not None:
            self._next.cancel()


async def read_body(receive: Receive, *, max_bytes: int, timeout_s: float) -> bytes:
    """The whole body.

    The bytes that come are counted: chunked bodies and a lying Content-Length meet the same limit.
    Raises BodyTooLarge as soon as ``max_bytes`` are passed, BodyTooSlow after ``timeout_s``, ClientGone.
    """
    body = bytearray()
    try:
        async with asyncio.timeout(timeout_s):
            while True:
                message = await receive()
                if message["type"] == "http.disconnect":
                    raise ClientGone
                body += message.get("body", b"")
                if len(body) > max_bytes:
                    raise BodyTooLarge
                if not message.get("more_body", False):
                    return bytes(body)
    except TimeoutError:
        raise BodyTooSlow from None


async def _call(receive: Receive) -> Message:
    return await receive()
