"""Parts of answers that the tasks share."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field

from face.frame.quality import Quality
from face.vocabulary import Task
from service.analysis.models import AnyModel
from service.heatmaps.overlay import Overlay
from service.inference.manifest import Variant

Probability = Annotated[float, Field(ge=0, le=1)]
Name = Annotated[str, Field(min_length=1)]
RequestId = Annotated[str, Field(min_length=1, max_length=64)]
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class Schema(BaseModel):
    model_config = ConfigDict(frozen=True, protected_namespaces=())


class ModelIdentity(Schema):
    """Which model answered. `sha256` is that of the graph that ran; `variant` says which of the bundle's it was."""

    task: Task
    name: Name
    version: Name
    sha256: Sha256
    variant: Variant
    intended_use: str
    training_data: str

    @classmethod
    def of(cls, model: AnyModel) -> Self:
        manifest = model.bundle.manifest
        return cls(
            task=manifest.task,
            name=manifest.name,
            version=manifest.version,
            sha256=model.sha256,
            variant=model.variant,
            intended_use=manifest.intended_use,
            training_data=manifest.training_data,
        )


class Picture(Schema):
    """A palette PNG with transparency that has the upright photograph's shape, reduced where the photograph is large:
    stretched to the photograph's size it lies exactly on it. Colour runs from dark violet over orange to pale yellow
    and opacity from 0 to 0.85 with the value; where there is nothing to show it is fully transparent.
    """

    media_type: Literal["image/png"] = "image/png"
    width: Annotated[int, Field(ge=1)]
    height: Annotated[int, Field(ge=1)]
    data: Annotated[str, Field(description="base64 (RFC 4648, section 4)")]

    @classmethod
    def of(cls, overlay: Overlay) -> Self:
        return cls(width=overlay.width, height=overlay.height, data=base64.b64encode(overlay.data).decode("ascii"))


class QualityFigures(Schema):
    """face_width_px: between the ears. yaw_deg > 0: the patient turns to their own left; pitch_deg > 0: looks up;
    roll_deg > 0: the head tilts to the patient's left shoulder. sharpness: relative variance of the Laplacian.
    exposure: mean brightness of the face, 0..1. clipped: share of it that is pure black or white. uneven_light:
    > 0 when the patient's left is brighter. warnings: sentences that say what to do.
    """

    face_width_px: float
    yaw_deg: float
    pitch_deg: float
    roll_deg: float
    sharpness: float
    exposure: float
    clipped: float
    uneven_light: float
    warnings: list[str]

    @classmethod
    def of(cls, quality: Quality, warnings: Sequence[str]) -> Self:
        figures = {name: round(value, 4) for name, value in asdict(quality).items()}
        return cls(**figures, warnings=list(warnings))


def timings(values_ms: Mapping[str, float]) -> dict[str, float]:
    """Milliseconds by stage, to the microsecond."""
    return {name: round(value, 3) for name, value in values_ms.items()}
