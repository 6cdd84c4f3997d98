"""Answers that take seconds: the work ends where the client leaves, and tells how far it is where that was asked for.

Progress comes as lines of JSON (application/x-ndjson) in the answer itself: `{"stage": ..., "done": 0.4}`, and as the
last one `{"result": {...}}` or `{"problem": {...}}`. A list of jobs, to be asked for again, would have to keep what
belongs to a patient.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Coroutine
from typing import Any

from fastapi import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from service.api.errors import problem_of
from service.api.negotiation import NDJSON
from service.clips.errors import ClientLeft
from service.clips.work import ClipWork
from service.problems import render_problem

# nginx's code for a client that hung up; it reaches only logs and metrics.
_CLIENT_LEFT = 499
_TOLD_EVERY_S = 0.2

NDJSON_RESPONSE: dict[str, Any] = {
    NDJSON: {
        "schema": {
            "description": "Lines of JSON: `stage` and the share of it that is `done`; at last the `result`, or the "
            "`problem` that came up after the first picture, when the status was 200 already.",
            "type": "string",
        },
        "example": '{"stage": "movements", "done": 0.42}\n{"stage": "assessment", "done": 0.0}\n{"result": {}}\n',
    }
}


async def answer_clip(
    request: Request,
    work: ClipWork,
    analysis: Coroutine[Any, Any, Response],
    *,
    progress: bool,
) -> Response:
    """The response of `analysis`, which ends early once the client has left: `work` is given up then.

    progress: as lines, the body of that response as the last one. What is refused before the first picture was looked
    at has its own status also then; later, the status is 200 and the last line holds the problem. Raises what
    `analysis` raises.
    """
    run = _Run(request, work, analysis)
    lines = None
    try:
        while not run.ended:
            await run.moment()
            if progress and work.news is not None and not run.ended:
                lines = _Lines(request, run)
                return lines
        return await run.response
    except ClientLeft:
        return Response(status_code=_CLIENT_LEFT)
    finally:
        if lines is None:  # which would end it
            run.end()


class _Run:
    """An analysis at work, and the watch on the client that waits for it."""

    def __init__(self, request: Request, work: ClipWork, analysis: Coroutine[Any, Any, Response]) -> None:
        self.work = work
        self.response = asyncio.ensure_future(analysis)
        self._leaving = asyncio.ensure_future(_left(request))

    @property
    def ended(self) -> bool:
        return self.response.done()

    async def moment(self) -> None:
        """Wait a little, less where the analysis ends. Where the client leaves, the work is given up and its end
        awaited: until then it uses its place."""
        waiting = {self.response, self._leaving}
        await asyncio.wait(waiting, timeout=_TOLD_EVERY_S, return_when=asyncio.FIRST_COMPLETED)
        if self._leaving.done() and not self.ended:
            self.work.give_up()
            await asyncio.wait({self.response})

    def end(self) -> None:
        """Nobody waits any more."""
        self._leaving.cancel()
        self.work.give_up()


class _Lines(Response):
    media_type = NDJSON

    def __init__(self, request: Request, run: _Run) -> None:
        super().__init__()
        del self.headers["content-length"]
        # A proxy that collects an answer before it passes it on would collect the progress too.
        self.headers["x-accel-buffering"] = "no"
        self._request, self._run = request, run

    async def __call__(self, _: Scope, __: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        try:
            told = None
            while not self._run.ended:
                if (news := self._run.work.news) is not None and news != told:
                    stage, done = told = news
                    await _send_line(send, json.dumps({"stage": stage, "done": round(done, 3)}).encode())
                await self._run.moment()
            response = await self._run.response
            await _send_line(send, b'{"result":' + bytes(response.body) + b"}", last=True)
        except ClientLeft:
            return
        except Exception as error:
            code, detail = problem_of(error)
            state, path = self._request.state, self._request.url.path
            state.refused = code
            problem = render_problem(code, detail, request_id=state.request_id, instance=path)
            await _send_line(send, b'{"problem":' + problem + b"}", last=True)
            if code == "internal-error":
                raise  # so that it is logged
        finally:
            self._run.end()


async def _send_line(send: Send, line: bytes, *, last: bool = False) -> None:
    await send({"type": "http.response.body", "body": line + b"\n", "more_body": not last})


async def _left(request: Request) -> None:
    """Until the client has hung up. Its body must have been read."""
    while (await request.receive())["type"] != "http.disconnect":
        pass
