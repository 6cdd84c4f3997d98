"""One share of a command's work, for several machines that write to one folder: `--shard 2/8`."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

from model_training.errors import UserError

ItemT = TypeVar("ItemT")


@dataclass(frozen=True)
class Shard:
    """number counts from 1 to count."""

    number: int
    count: int

    @classmethod
    def read(cls, text: str) -> Shard:
        """`2/8`. Raises UserError for anything else."""
        match = re.fullmatch(r"(\d+)/(\d+)", text)
        shard = cls(int(match[1]), int(match[2])) if match else None
        if shard is None or not 1 <= shard.number <= shard.count:
            raise UserError(f"--shard {text!r}: write it as NUMBER/COUNT from 1/COUNT to COUNT/COUNT, e.g. 2/8")
        return shard

    def of(self, items: Sequence[ItemT]) -> list[ItemT]:
        """Every count-th item: neighbours, which take alike long, go to different shards."""
        return list(items[self.number - 1 :: self.count])

    def after(self, items: int) -> Shard:
        """For another list that follows one of so many items: both together are shared out as one list would be."""
        return Shard((self.number - 1 - items) % self.count + 1, self.count)

    def __str__(self) -> str:
        return f"{self.number}/{self.count}"
