"""What can be asked for under /v2: pipelines from photographs to answers, and the graphs themselves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from fastapi import Request

from service.analysis.models import LoadedModels
from service.api.state import Worker
from service.inference.bundle import MANIFEST_FILE
from service.inference.errors import BundleError
from service.oip.assess_pipeline import AssessPipeline
from service.oip.graphs import GraphModel
from service.oip.inference_request import Inference
from service.oip.metadata import ModelMetadata
from service.oip.pipelines import MicroexpressionPipeline, PalsyPipeline
from service.oip.tensors import Tensor


class ServedModel(Protocol):
    """metadata: name, versions, inputs, outputs."""

    @property
    def metadata(self) -> ModelMetadata: ...

    async def infer(self, asked: Inference, request: Request, worker: Worker) -> Sequence[Tensor]:
        """The outputs that were asked for, in the order of the metadata. Raises what the analysis raises, and BadTensor
        for tensors that the model does not read."""
        ...


@dataclass(frozen=True, eq=False)
class ServedModels:
    """by_name: in the order in which they are listed."""

    by_name: Mapping[str, ServedModel]

    @classmethod
    def of(cls, models: LoadedModels) -> ServedModels:
        """A pipeline for each endpoint that analyses, and each bundle's graph, named by its manifest.

        Raises BundleError for a graph with another model's name.
        """
        found: dict[str, ServedModel] = {}
        if models.palsy is not None:
            found["palsy"] = PalsyPipeline(models.palsy)
            if models.palsy.analyzer.grades_house_brackmann:
                found["palsy-assess"] = AssessPipeline(models.palsy)
        if models.microexpression is not None:
            found["microexpression"] = MicroexpressionPipeline(models.microexpression)
        for model in models:
            name = model.bundle.manifest.name
            if name in found:
                raise BundleError(
                    model.bundle.directory / MANIFEST_FILE,
                    f"is {name!r}, which is the name of another model under /v2; give this bundle one of its own",
                    field="name",
                )
            found[name] = GraphModel(model)
        return cls(found)
