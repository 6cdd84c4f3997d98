"""The network that learns, with its optimiser and the moving average of its weights: one optimiser step at a time."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import Any, TypedDict

import torch
from torch import nn
from torch.nn.parallel import DistributedDataParallel

from model_training.data.batches import Batch
from model_training.errors import TrainingError
from model_training.runtime.distributed import World
from model_training.training.config import OptimisationConfig
from model_training.training.optimisation import AverageState, MovingAverage, make_optimiser
from model_training.training.task import Task


class LearnerState(TypedDict):
    """Weights of the network and of its average, and what the optimiser remembers."""

    model: dict[str, torch.Tensor]
    average: AverageState
    optimiser: dict[str, Any]


class Learner:
    """model: the bare network, whose weights are saved; what steps run through is compiled and distributed as asked.

    state: of an earlier `state_dict`, to go on with.
    """

    def __init__(
        self,
        task: Task,
        model: nn.Module,
        config: OptimisationConfig,
        world: World,
        *,
        state: LearnerState | None = None,
    ) -> None:
        self.task, self.config, self.world = task, config, world
        self.model = model.to(world.device)
        self.optimiser = make_optimiser(self.model, config)
        self.average = MovingAverage(self.model, decay=config.ema_decay)
        if state is not None:
            self.model.load_state_dict(state["model"])
            self.average.load_state_dict(state["average"])
            self.optimiser.load_state_dict(state["optimiser"])
        self._network: nn.Module = self.model.train()
        if config.compile:
            # Of a module torch.compile makes a module, which its annotation does not say.
            self._network = torch.compile(self._network)  # type: ignore[assignment]
        if world.size > 1:
            self._network = DistributedDataParallel(self._network, find_unused_parameters=True)

    def state_dict(self) -> LearnerState:
        return {
            "model": self.model.state_dict(),
            "average": self.average.state_dict(),
            "optimiser": self.optimiser.state_dict(),
        }

    def step(self, micro_batches: list[Batch], *, rate: float, seed: int) -> tuple[float, dict[str, float]]:
        """One optimiser step over the micro-batches of this process -> (loss, its parts by name), means over all
        processes.

        seed: of everything random in the step, so that dropout after a resume is the dropout there would have been.
        """
        torch.manual_seed(seed)
        for group in self.optimiser.param_groups:
            group["lr"] = rate
        self.optimiser.zero_grad(set_to_none=True)
        count = len(micro_batches)
        total = torch.zeros((), device=self.world.device)
        sums: dict[str, torch.Tensor] = {}
        for number, cpu_batch in enumerate(micro_batches, start=1):
            batch = {name: values.to(self.world.device, non_blocking=True) for name, values in cpu_batch.items()}
            with self._gradients_stay_here(last=number == count):
                outputs = self._forward(batch)
                loss, parts = self.task.loss(batch, outputs, batch.get("class_weight"))
                (loss / count).backward()
            total += loss.detach() / count
            for name, value in parts.items():
                sums[name] = sums.get(name, 0.0) + value.detach() / count
        nn.utils.clip_grad_norm_(self.model.parameters(), self.config.clip_norm)
        self.optimiser.step()
        # One copy to the CPU, as each one waits for the GPU.
        loss, *means = self.world.mean(torch.stack([total, *sums.values()])).tolist()
        return loss, dict(zip(sums, means, strict=True))

    def _forward(self, batch: Batch) -> dict[str, torch.Tensor]:
        """Outputs as float32. Raises TrainingError where torch.compile finds no compiler."""
        try:
            with self._precision():
                outputs = self.task.forward(self._network, batch)
        except RuntimeError as error:
            if type(error).__module__.startswith(("torch._inductor", "torch._dynamo")):
                reason = str(error).splitlines()[0]
                raise TrainingError(
                    f"optimisation.compile: torch.compile failed ({reason}). On a CPU it needs a C++ compiler (g++); "
                    "training without it gives the same model, more slowly: optimisation.compile=false"
                ) from error
            raise
        return {name: values.float() for name, values in outputs.items()}

    def update_average(self) -> None:
        self.average.update(self.model)

    def _gradients_stay_here(self, *, last: bool) -> AbstractContextManager[Any]:
        """Processes exchange gradients once a step, with the last micro-batch."""
        if last or not isinstance(self._network, DistributedDataParallel):
            return nullcontext()
        return self._network.no_sync()

    def _precision(self) -> AbstractContextManager[Any]:
        if self.config.precision == "bf16":
            return torch.autocast(self.world.device.split(":")[0], dtype=torch.bfloat16)
        return nullcontext()
