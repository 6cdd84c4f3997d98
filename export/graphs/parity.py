"""Does the exported graph answer as the network does? Compared through the service's own session."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from export.errors import ExportError
from service.inference.session import InferenceSession

Array = npt.NDArray[Any]
# float32 sums in another order; an error of the graph is orders of magnitude larger.
FLOAT_TOLERANCE = 1e-3


@dataclass(frozen=True)
class Parity:
    """Differences over all samples. max_difference: largest absolute difference of each output, in the output's
    unit."""

    samples: int
    max_difference: dict[str, float]

    @property
    def worst(self) -> float:
        return max(self.max_difference.values())

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def network_answers(network: nn.Module, inputs: Mapping[str, Array]) -> dict[str, Array]:
    """What the torch network gives for a batch of named arrays."""
    with torch.no_grad():
        outputs = network.eval()(*(torch.from_numpy(value) for value in inputs.values()))
    return {name: value.numpy() for name, value in outputs.items()}


def compare(expected: Mapping[str, Array], path: Path, inputs: Mapping[str, Array]) -> Parity:
    """Runs the graph with the whole batch and one by one, so that the batch axis is really open, and keeps the
    worse."""
    session = InferenceSession(path)
    count = len(next(iter(inputs.values())))
    together = session.run(inputs)
    alone = [session.run({name: value[i : i + 1] for name, value in inputs.items()}) for i in range(count)]
    differences = {}
    for name in session.output_names:
        single = np.concatenate([answer[name] for answer in alone])
        differences[name] = float(max(np.abs(out - expected[name]).max() for out in (together[name], single)))
    return Parity(samples=count, max_difference=differences)


def check(parity: Parity, *, tolerance: float = FLOAT_TOLERANCE) -> Parity:
    """Raises ExportError if any output differs by more than `tolerance`."""
    wrong = {name: value for name, value in parity.max_difference.items() if not value <= tolerance}
    if wrong:
        figures = ", ".join(f"{name} {value:.2e}" for name, value in wrong.items())
        raise ExportError(f"the exported graph does not answer as the network does: {figures} (allowed {tolerance:g})")
    return parity
