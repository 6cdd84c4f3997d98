"""`manifest.json`: what a bundle is, what it eats, what it gives, and the numbers that turn its logits into an answer.

Strict and frozen: an unknown key, a missing key or a value of another type is an error that names the field. One
class per task, told apart by `task`; sections that differ between the tasks (labels, calibration, thresholds) are
typed. Written by `export.bundle.writing.write_bundle`.
"""

from __future__ import annotations

from dataclasses import fields
from datetime import datetime
from typing import Annotated, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    JsonValue,
    StringConstraints,
    TypeAdapter,
    model_validator,
)

from face.frame.quality import QualityLimits
from face.frame.regions import ASYMMETRY_FULL_SCALE
from face.palsy.assessment.evidence import EVIDENCE, Evidence
from face.palsy.assessment.session_model import OUTPUTS as SESSION_OUTPUTS
from face.palsy.reading import MOVEMENT_OUTPUT, OUT_OF_DISTRIBUTION_OUTPUT
from face.palsy.visibility import SEEN_MAP_OUTPUT
from face.vocabulary import (
    EMOTIONS,
    HOUSE_BRACKMANN,
    MOVEMENTS,
    REGIONS,
    REGIONS_OF_INTEREST,
    SIDES,
    Region,
    RegionOfInterest,
    Side,
)

# 2 has thresholds of visibility, and the hashes of the weights behind the graph; files of version 1 still load.
SCHEMA_VERSION = 2

Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
Text = Annotated[str, StringConstraints(min_length=1)]
Name = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9._-]{0,63}$")]
Version = Annotated[str, StringConstraints(pattern=r"^\d+\.\d+\.\d+([-+][0-9A-Za-z.-]+)?$")]
Variant = Literal["float32", "int8", "float16"]


def _quality_limits(values: dict[str, float]) -> dict[str, float]:
    known = [field.name for field in fields(QualityLimits)]
    unknown = [name for name in values if name not in known]
    if unknown:
        raise ValueError(f"unknown limit {unknown[0]!r}; known are {', '.join(known)}")
    QualityLimits(**values)
    return values


# Fields of QualityLimits; one that is left out keeps that class's default.
QualityLimitValues = Annotated[dict[str, float], AfterValidator(_quality_limits)]

PALSY_INPUTS = ("images", "landmarks")
PALSY_OUTPUTS = ("grade_logits", "side_logits", "regional_asymmetry", "asymmetry_map", "roi_maps")
MICROEXPRESSION_INPUTS = ("flow",)
MICROEXPRESSION_OUTPUTS = ("emotion_logits",)


SESSION_INPUTS = ("images", "landmarks", "readings", "present")


def _distinct(what: str) -> AfterValidator:
    def check(names: tuple[str, ...]) -> tuple[str, ...]:
        if len(set(names)) != len(names):
            raise ValueError(f"{what} must differ from each other, got {list(names)}")
        return names

    return AfterValidator(check)


def _exactly(words: tuple[str, ...]) -> AfterValidator:
    """The graphs' outputs have a fixed order: a manifest that names another one is for another program."""

    def check(values: tuple[str, ...]) -> tuple[str, ...]:
        if values != words:
            raise ValueError(f"must be {', '.join(words)}, in this order, got {', '.join(values)}")
        return values

    return AfterValidator(check)


class Section(BaseModel):
    model_config = ConfigDict(strict=True, frozen=True, extra="forbid", allow_inf_nan=False)


class TensorSpec(Section):
    """One graph input or output. shape: without the leading batch axis; null is an axis that the graph leaves open."""

    name: Text
    dtype: Literal["uint8", "float32"]
    shape: tuple[Annotated[int, Field(gt=0)] | None, ...]


class InputSection(Section):
    """spec: the preprocessing's own description (PalsyInputSpec or FlowSpec as a dictionary); fingerprint: that
    description's fingerprint.
    """

    spec: dict[str, JsonValue]
    fingerprint: Text
    tensors: tuple[TensorSpec, ...]


class ModelFile(Section):
    """A graph in the bundle's directory. bytes: file size, checked before the hash so that a cut-off copy is named as
    one.
    """

    file: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*\.onnx$")]
    sha256: Sha256
    bytes: Annotated[int, Field(gt=0)]


class WeightsFile(Section):
    """What the graph was made of. It may be missing from the directory: the service never reads it."""

    file: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")]
    sha256: Sha256
    bytes: Annotated[int, Field(gt=0)]


class VisibilityLimits(Section):
    """The fields of `face.palsy.visibility.SeenLimits`, with the same meaning; null = as seen_from."""

    seen_from: Annotated[float, Field(gt=0, lt=1)]
    whole_from: Annotated[float, Field(gt=0, lt=1)] | None = None
    mouth_whole_from: Annotated[float, Field(gt=0, lt=1)] | None = None


class OutOfDistribution(Section):
    """Limits on the graph output `ood_score` (N,), higher = less like the training data. null = no limit of that
    kind.
    """

    warn_above: float | None
    refuse_above: float | None

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.warn_above is not None and self.refuse_above is not None and self.warn_above > self.refuse_above:
            raise ValueError(f"warn_above {self.warn_above} is larger than refuse_above {self.refuse_above}")
        return self


class PalsyLabels(Section):
    """grades: K ordered names, mildest first: House-Brackmann I..VI, or a data set's own (normal, mild, severe)."""

    grades: Annotated[tuple[Text, ...], Field(min_length=2, max_length=12), _distinct("grades")]
    sides: Annotated[tuple[Side, ...], _exactly(SIDES)] = SIDES
    regions: Annotated[tuple[Region, ...], _exactly(REGIONS)] = REGIONS
    roi: Annotated[tuple[RegionOfInterest, ...], _exactly(REGIONS_OF_INTEREST)] = REGIONS_OF_INTEREST


class PalsyCalibrationSection(Section):
    """The fields of `face.palsy.decoding.PalsyCalibration`, with the same meaning."""

    grade_temperature: Annotated[float, Field(gt=0)]
    side_temperature: Annotated[float, Field(gt=0)]
    conformal_threshold: Annotated[float, Field(ge=0, le=1)]
    coverage: Annotated[float, Field(gt=0, lt=1)]


class TurnedHeadAllowance(Section):
    """The fields of `face.palsy.decoding.TurnedHead`, with the same meaning."""

    from_deg: Annotated[float, Field(ge=0)]
    per_deg: Annotated[float, Field(ge=0)]


class PalsyThresholds(Section):
    """quality: the fields of `face.frame.quality.QualityLimits`; a field left out keeps that class's
    default.

    heatmap_full_scale: the asymmetry-map value that is drawn at full strength, in inter-ocular distances (the map's
    unit). The default is about 9 mm in an adult: three times what observers notice at the mouth corner (PMID 28200081).
    """

    quality: QualityLimitValues = Field(default_factory=dict)
    out_of_distribution: OutOfDistribution | None = None
    visibility: VisibilityLimits | None = None
    turned_head: TurnedHeadAllowance | None = None
    heatmap_full_scale: Annotated[float, Field(gt=0)] = ASYMMETRY_FULL_SCALE


class MicroexpressionLabels(Section):
    emotions: Annotated[tuple[Text, ...], Field(min_length=2, max_length=16), _distinct("emotions")] = EMOTIONS


class MicroexpressionCalibrationSection(Section):
    """temperature: divides the logits before the softmax."""

    temperature: Annotated[float, Field(gt=0)]


class MicroexpressionThresholds(Section):
    """quality as for palsy. heatmap_full_scale: motion, in per cent of the inter-ocular distance, that is drawn at full
    strength. What counts as no motion and as different faces is part of input.spec, with the rest of the preprocessing.
    """

    quality: QualityLimitValues = Field(default_factory=dict)
    heatmap_full_scale: Annotated[float, Field(gt=0)] = 5.0


class _Manifest(Section):
    """The part that every task has. sha256: of model.onnx, the float32 graph; a service answers with the hash of the
    variant that it runs.

    training_data, intended_use: sentences that travel with every answer. metrics: the few figures worth showing
    beside the name; all of them are in metrics.json, explained in MODEL_CARD.md.
    """

    schema_version: Literal[1, 2]
    name: Name
    version: Version
    description: Text
    created: datetime
    input: InputSection
    outputs: tuple[TensorSpec, ...]
    training_data: Text
    intended_use: Text
    metrics: dict[str, JsonValue]
    licence: Text
    landmark_model_sha256: Sha256
    sha256: Sha256
    files: dict[Variant, ModelFile]
    weights: dict[Text, WeightsFile] = Field(default_factory=dict)
    default_variant: Variant

    @model_validator(mode="after")
    def _files_agree(self) -> Self:
        if "float32" not in self.files or self.files["float32"].file != "model.onnx":
            raise ValueError("files: the variant 'float32' must be there, as model.onnx")
        if self.files["float32"].sha256 != self.sha256:
            raise ValueError(f"sha256: {self.sha256} is not that of files.float32, {self.files['float32'].sha256}")
        if self.default_variant not in self.files:
            raise ValueError(f"default_variant: {self.default_variant!r} is not among files ({', '.join(self.files)})")
        return self

    def output(self, name: str) -> TensorSpec | None:
        return next((tensor for tensor in self.outputs if tensor.name == name), None)


def _require(tensors: tuple[TensorSpec, ...], names: tuple[str, ...], *, field: str) -> None:
    present = [tensor.name for tensor in tensors]
    if len(set(present)) != len(present):
        raise ValueError(f"{field}: a tensor is named twice ({', '.join(present)})")
    missing = [name for name in names if name not in present]
    if missing:
        raise ValueError(f"{field}: {', '.join(missing)} missing (found {', '.join(present) or 'none'})")


class PalsyManifest(_Manifest):
    task: Literal["palsy"]
    labels: PalsyLabels
    calibration: PalsyCalibrationSection
    thresholds: PalsyThresholds

    @model_validator(mode="after")
    def _graph_fits_task(self) -> Self:
        _require(self.input.tensors, PALSY_INPUTS, field="input.tensors")
        _require(self.outputs, PALSY_OUTPUTS, field="outputs")
        expected: dict[str, tuple[int, ...]] = {
            "grade_logits": (len(self.labels.grades) - 1,),
            "side_logits": (len(SIDES),),
            "regional_asymmetry": (len(REGIONS),),
        }
        for name, shape in expected.items():
            tensor = self.output(name)
            if tensor is not None and tensor.shape != shape:
                raise ValueError(
                    f"outputs: {name} must have shape {list(shape)} for these labels, got {list(tensor.shape)}"
                )
        roi = self.output("roi_maps")
        if roi is not None and (len(roi.shape) != 3 or roi.shape[0] != len(REGIONS_OF_INTEREST)):
            raise ValueError(
                f"outputs: roi_maps must have shape [{len(REGIONS_OF_INTEREST)}, height, width], got {list(roi.shape)}"
            )
        asymmetry, seen = self.output("asymmetry_map"), self.output(SEEN_MAP_OUTPUT)
        if asymmetry is not None and seen is not None and seen.shape != asymmetry.shape:
            raise ValueError(
                f"outputs: {SEEN_MAP_OUTPUT} must have the cells of asymmetry_map, {list(asymmetry.shape)}, got "
                f"{list(seen.shape)}"
            )
        if self.thresholds.visibility is not None and seen is None:
            raise ValueError(f"thresholds.visibility is set but outputs has no {SEEN_MAP_OUTPUT}")
        movement = self.output(MOVEMENT_OUTPUT)
        if movement is not None and movement.shape != (len(MOVEMENTS),):
            raise ValueError(
                f"outputs: {MOVEMENT_OUTPUT} must have shape [{len(MOVEMENTS)}], got {list(movement.shape)}"
            )
        limits = self.thresholds.out_of_distribution
        if limits is not None and self.output(OUT_OF_DISTRIBUTION_OUTPUT) is None:
            raise ValueError(f"thresholds.out_of_distribution is set but outputs has no {OUT_OF_DISTRIBUTION_OUTPUT}")
        return self


class MicroexpressionManifest(_Manifest):
    task: Literal["microexpression"]
    labels: MicroexpressionLabels
    calibration: MicroexpressionCalibrationSection
    thresholds: MicroexpressionThresholds

    @model_validator(mode="after")
    def _graph_fits_task(self) -> Self:
        _require(self.input.tensors, MICROEXPRESSION_INPUTS, field="input.tensors")
        _require(self.outputs, MICROEXPRESSION_OUTPUTS, field="outputs")
        logits = self.output("emotion_logits")
        if logits is not None and logits.shape != (len(self.labels.emotions),):
            raise ValueError(
                f"outputs: emotion_logits must have shape [{len(self.labels.emotions)}], got {list(logits.shape)}"
            )
        return self


class EvidenceCalibration(Section):
    """The fields of `face.palsy.assessment.fitted.SessionCalibration`, with the same meaning."""

    temperature: Annotated[float, Field(gt=0)]
    conformal_threshold: Annotated[float, Field(ge=0, le=1)]


class SessionLabels(Section):
    grades: Annotated[tuple[Text, ...], _exactly(HOUSE_BRACKMANN)] = HOUSE_BRACKMANN


class SessionCalibrationSection(Section):
    """classes: one for each class of evidence. coverage: of the prediction sets."""

    classes: dict[Evidence, EvidenceCalibration]
    coverage: Annotated[float, Field(gt=0, lt=1)]

    @model_validator(mode="after")
    def _every_class(self) -> Self:
        missing = [name for name in EVIDENCE if name not in self.classes]
        if missing:
            raise ValueError(f"classes: {', '.join(missing)} missing")
        return self


class SessionThresholds(Section):
    """grades_from: the classes of evidence whose grade the network makes; in the others the steps without it do.
    measure_u: standard uncertainty of a movement that a share is made of, in millimetres.
    sdc95: smallest change between two examinations that is not noise, by figure."""

    grades_from: tuple[Evidence, ...]
    measure_u: dict[Text, Annotated[float, Field(gt=0)]]
    sdc95: dict[Text, Annotated[float, Field(ge=0)]]


class PalsySessionManifest(_Manifest):
    """The network of examinations; input.spec names the palsy model whose readings it takes."""

    task: Literal["palsy-session"]
    labels: SessionLabels
    calibration: SessionCalibrationSection
    thresholds: SessionThresholds

    @model_validator(mode="after")
    def _graph_fits_task(self) -> Self:
        _require(self.input.tensors, SESSION_INPUTS, field="input.tensors")
        _require(self.outputs, SESSION_OUTPUTS, field="outputs")
        return self


Manifest = PalsyManifest | MicroexpressionManifest | PalsySessionManifest
_ADAPTER: TypeAdapter[Manifest] = TypeAdapter(Annotated[Manifest, Field(discriminator="task")])


def parse_manifest(text: str | bytes) -> Manifest:
    """A manifest from JSON text. Raises pydantic's ValidationError, whose `errors()` name every wrong field."""
    return _ADAPTER.validate_json(text)
