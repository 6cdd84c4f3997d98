"""What decides a graph's input, as data: it travels in manifests, checkpoints and caches, and its fingerprint says
whether two of them fit."""

from __future__ import annotations

import hashlib
import json
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any


@dataclass(frozen=True)
class InputSpec(ABC):
    """Base of the tasks' specs: frozen dataclasses whose fields are everything that decides the tensors."""

    @abstractmethod
    def tensor_shapes(self) -> dict[str, tuple[str, tuple[int, ...]]]:
        """Name -> (dtype, shape without the batch axis) of the tensors made, which are also the graph's inputs."""

    def to_dict(self) -> dict[str, Any]:
        """JSON-able, lists for tuples."""
        plain: dict[str, Any] = json.loads(json.dumps(asdict(self)))
        return plain

    def fingerprint(self) -> str:
        """SHA-256 over the canonical JSON: two equal ones give equal tensors."""
        return hashlib.sha256(json.dumps(self.to_dict(), sort_keys=True).encode()).hexdigest()

    @classmethod
    def exactly(cls, values: Mapping[str, Any], *, of: str) -> dict[str, Any]:
        """A copy of `values` if its keys are exactly the fields; ValueError that names the others if not. of: what is
        described, e.g. `palsy input`."""
        expected = {field.name for field in fields(cls)}
        if set(values) != expected:
            raise ValueError(
                f"{of}: unknown keys {sorted(set(values) - expected)}, missing keys {sorted(expected - set(values))}"
            )
        return dict(values)
