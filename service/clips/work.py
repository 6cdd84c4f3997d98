"""The work on one clip as others see it: how far it is, and whether it is still wanted."""

from __future__ import annotations

import time

from service.clips.errors import ClientLeft, ClipOverran


class ClipWork:
    """Told by the thread that works, once for each picture; read, and given up, by the event loop."""

    def __init__(self, *, timeout_s: float) -> None:
        """timeout_s: from now on."""
        self._timeout_s = timeout_s
        self._ends = time.monotonic() + timeout_s
        self._given_up = False
        self._news: tuple[str, float] | None = None

    @property
    def news(self) -> tuple[str, float] | None:
        """Stage and the share of it that is done, as told last; None before the first picture."""
        return self._news

    def tell(self, stage: str, done: float) -> None:
        """done: 0 .. 1. Raises ClientLeft once it was given up, ClipOverran after the time."""
        if self._given_up:
            raise ClientLeft
        if time.monotonic() > self._ends:
            raise ClipOverran(
                f"The work on the clip took longer than {self._timeout_s:g} s. Cut it, or record it in 1080p at 30 "
                "pictures a second."
            )
        self._news = stage, done

    def give_up(self) -> None:
        """Nobody wants it any more: it ends at the next picture."""
        self._given_up = True
