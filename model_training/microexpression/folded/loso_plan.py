"""All runs of one report: seeds, held-out runs and the control, and whose results are whose."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from model_training.microexpression.folded.fold_chunk import LosoRun
from model_training.microexpression.folded.loso import LosoResult
from model_training.microexpression.folded.training import TrainingConfig


@dataclass(frozen=True, kw_only=True)
class LosoPlan:
    """configs: the first is reported, protocol (c) chooses among all; seeds, held_out_seeds: of the first's plain runs,
    and of the runs for protocol (c); the rest as in LosoRun."""

    configs: Sequence[TrainingConfig]
    seeds: int
    held_out_seeds: int
    shuffled: bool
    initial: str
    folds_per_chunk: int
    device: str

    @property
    def runs(self) -> list[LosoRun]:
        """In the order in which `sorted_results` takes their results."""
        first = self.configs[0]
        return [
            *(self._run(first, seed) for seed in range(self.seeds)),
            *(self._run(each, seed, held_out=True) for seed in range(self.held_out_seeds) for each in self.configs),
            *([self._run(first, 0, shuffle=True)] if self.shuffled else []),
        ]

    def _run(self, config: TrainingConfig, seed: int, *, held_out: bool = False, shuffle: bool = False) -> LosoRun:
        return LosoRun(
            config=config,
            seed=seed,
            held_out=held_out,
            shuffle=shuffle,
            initial=self.initial,
            folds_per_chunk=self.folds_per_chunk,
            device=self.device,
        )

    def sorted_results(
        self, results: Sequence[LosoResult]
    ) -> tuple[list[LosoResult], list[list[LosoResult]], list[LosoResult]]:
        """-> plain results by seed; held-out ones by seed and configuration; the control, if there is one."""
        left = iter(results)
        plain = [next(left) for _ in range(self.seeds)]
        held_out = [[next(left) for _ in self.configs] for _ in range(self.held_out_seeds)]
        return plain, held_out, list(left)
