"""Read a request's body into memory within limits, whatever its head claims."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Collection, Iterable

from starlette.types import Message, Receive

_PIECE_BYTES = 1_000_000
# Who sends, or reads, this fast is not slow: a poor mobile network carries twice as much.
LEAST_BYTES_PER_S = 20_000


class BodyTooLarge(Exception):
    """More bytes came than the limit allows."""


class BodyTooSlow(Exception):
    """The body was not complete within its time limit."""


class ClientGone(Exception):
    """The client hung up."""


class BufferedBody:
    """A body that was read, to be read again by the application: piece by piece, each of which is then let go, so that
    a large one never lies in memory twice.

    After the body, a single pending ``receive`` watches for the client hanging up; application and queue share it.
    """

    def __init__(self, pieces: Iterable[bytes], receive: Receive) -> None:
        self._pieces = deque(pieces)
        self._given = False
        self._receive = receive
        self._next: asyncio.Task[Message] | None = None

    @property
    def pieces(self) -> Collection[bytes]:
        """Those that the application has not received yet."""
        return self._pieces

    def watch(self) -> asyncio.Task[Message]:
        """The task that ends when the client hangs up."""
        if self._next is None:
            self._next = asyncio.create_task(_call(self._receive))
        return self._next

    async def receive(self) -> Message:
        """ASGI ``receive``: the body, then what comes after it."""
        if not self._given:
            piece = self._pieces.popleft() if self._pieces else b""
            self._given = not self._pieces
            return {"type": "http.request", "body": piece, "more_body": not self._given}
        return await asyncio.shield(self.watch())

    def close(self) -> None:
        """Stop watching, and let go of the bytes: those who refused it may be kept by their exception, and they keep
        the body, until the garbage collector comes."""
        if self._next is not None:
            self._next.cancel()
        self._pieces.clear()


async def read_body(receive: Receive, *, max_bytes: int, timeout_s: float) -> list[bytes]:
    """The whole body, in pieces of about a megabyte however small those were that came.

    The bytes that come are counted: chunked bodies and a lying Content-Length meet the same limit.
    The time starts anew whenever as many bytes have come as LEAST_BYTES_PER_S asks for in it, so that a large body over
    a slow network gets through, and who stops sending is cut.

    Raises BodyTooLarge as soon as ``max_bytes`` are passed, BodyTooSlow after ``timeout_s``, ClientGone.
    """
    pieces: list[bytes] = []
    piece, length, counted = bytearray(), 0, 0
    try:
        async with asyncio.timeout(timeout_s) as limit:
            while True:
                message = await receive()
                if message["type"] == "http.disconnect":
                    raise ClientGone
                came = message.get("body", b"")
                length += len(came)
                if length > max_bytes:
                    raise BodyTooLarge
                if length - counted >= LEAST_BYTES_PER_S * timeout_s:
                    counted = length
                    limit.reschedule(asyncio.get_running_loop().time() + timeout_s)
                piece += came
                last = not message.get("more_body", False)
                if last or len(piece) >= _PIECE_BYTES:
                    pieces.append(bytes(piece))
                    piece.clear()
                if last:
                    return pieces
    except TimeoutError:
        raise BodyTooSlow from None


async def _call(receive: Receive) -> Message:
    return await receive()
