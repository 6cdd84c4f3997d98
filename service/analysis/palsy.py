"""One photograph -> House-Brackmann grade, side, regional asymmetry and the maps that explain them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from face.frame.quality import Quality, QualityLimits, check_quality, measure_quality
from face.frame.regions import region_polygons, regional_asymmetry
from face.palsy.decoding import (
    HOUSE_BRACKMANN,
    PalsyCalibration,
    PalsyReading,
    decode,
)
from face.palsy.input import PalsyInput, PalsyInputSpec, palsy_input
from face.palsy.warnings import check_agreement, check_likeness, check_looks
from face.photograph import FacePolicy, Photograph, PhotographReader
from face.stopwatch import Stopwatch
from service.heatmaps.overlay import Overlay, mosaic_overlay
from service.inference.bundle import MANIFEST_FILE, Bundle
from service.inference.errors import BundleError
from service.inference.manifest import OUT_OF_DISTRIBUTION_OUTPUT, PalsyManifest
from service.inference.session import Session

Array = npt.NDArray[Any]


@dataclass(frozen=True, eq=False)
class PalsyAnalysis:
    """The answer in the domain's terms.

    labels: names of the grades, mildest first; probabilities in `reading` have their order. regional: asymmetry 0..1
    by region; score: their mean. polygons: (4, 2) points (x, y) in pixels of the upright photograph.
    evidence: the scale is defined on movement, one photograph shows none, so this is never left out.
    """

    labels: tuple[str, ...]
    reading: PalsyReading
    coverage: float
    score: float
    regional: dict[str, float]
    heatmap: Overlay | None
    roi_maps: dict[str, Overlay] | None
    polygons: dict[str, npt.NDArray[np.floating[Any]]]
    quality: Quality
    warnings: tuple[str, ...]
    timings_ms: dict[str, float]
    evidence: Literal["single_photo"] = "single_photo"

    @property
    def label(self) -> str:
        return self.labels[self.reading.index]

    @property
    def house_brackmann(self) -> str | None:
        """The grade where the labels are those of House and Brackmann, None for a data set's own labels."""
        return self.label if self.labels == HOUSE_BRACKMANN else None


class PalsyAnalyzer:
    """Runs one palsy bundle; `analyze` may be called from several threads."""

    def __init__(
        self, bundle: Bundle, session: Session, reader: PhotographReader, *, overlay_max_side_px: int = 768
    ) -> None:
        """Raises BundleError where this version of the preprocessing cannot make what the graph reads."""
        manifest = bundle.manifest
        if not isinstance(manifest, PalsyManifest):
            raise ValueError(f"a palsy analyzer needs a palsy bundle, got {manifest.task!r}")
        self._spec = _input_spec(bundle, manifest)
        self._manifest = manifest
        self._session = session
        self._reader = reader
        self._calibration = PalsyCalibration(**manifest.calibration.model_dump())
        self._limits = QualityLimits(**manifest.thresholds.quality)
        self._overlay_max_side_px = overlay_max_side_px

    def analyze(
        self, data: bytes, *, face: FacePolicy = "single", heatmap: bool = True, roi_maps: bool = False
    ) -> PalsyAnalysis:
        """Raises the PreprocessingErrors of every stage, OutOfDistribution, and NonFiniteOutput."""
        watch = Stopwatch()
        photograph = self._reader.read(data, policy=face, watch=watch, both_ways=True)
        with watch.stage("preprocessing"):
            model_input = palsy_input(photograph.rgb, photograph.face, self._spec)
            quality = measure_quality(photograph.rgb, photograph.face, aligned=model_input.aligned)
            warnings = check_quality(quality, self._limits)
            if photograph.looks is not None:
                warnings += check_looks(photograph.looks)
        with watch.stage("inference"):
            outputs = self._session.run({name: tensor[None] for name, tensor in model_input.tensors.items()})
            reading = decode(outputs["grade_logits"], outputs["side_logits"], calibration=self._calibration)[0]
        warnings += self._likeness(outputs) + check_agreement(reading)
        with watch.stage("rendering"):
            regional = regional_asymmetry(
                outputs["asymmetry_map"][0],
                model_input.aligned,
                full_scale=self._manifest.thresholds.heatmap_full_scale,
            )
            asymmetry = self._asymmetry_overlay(outputs, model_input, photograph) if heatmap else None
            regions_of_interest = self._roi_overlays(outputs, model_input, photograph) if roi_maps else None
        return PalsyAnalysis(
            labels=self._manifest.labels.grades,
            reading=reading,
            coverage=self._calibration.coverage,
            score=sum(regional.values()) / len(regional),
            regional=regional,
            heatmap=asymmetry,
            roi_maps=regions_of_interest,
            polygons={name: np.asarray(corners) for name, corners in region_polygons(model_input.aligned).items()},
            quality=quality,
            warnings=tuple(warnings),
            timings_ms=watch.finish(),
        )

    def _likeness(self, outputs: Mapping[str, Array]) -> list[str]:
        limits = self._manifest.thresholds.out_of_distribution
        if limits is None:
            return []
        score = float(outputs[OUT_OF_DISTRIBUTION_OUTPUT].reshape(-1)[0])
        return check_likeness(score, warn_above=limits.warn_above, refuse_above=limits.refuse_above)

    def _asymmetry_overlay(
        self, outputs: Mapping[str, Array], model_input: PalsyInput, photograph: Photograph
    ) -> Overlay:
        return mosaic_overlay(
            outputs["asymmetry_map"][0],
            model_input.aligned,
            width=photograph.width,
            height=photograph.height,
            full_scale=self._manifest.thresholds.heatmap_full_scale,
            max_side_px=self._overlay_max_side_px,
        )

    def _roi_overlays(
        self, outputs: Mapping[str, Array], model_input: PalsyInput, photograph: Photograph
    ) -> dict[str, Overlay]:
        return {
            name: mosaic_overlay(
                values,
                model_input.aligned,
                width=photograph.width,
                height=photograph.height,
                full_scale=1.0,
                max_side_px=self._overlay_max_side_px,
            )
            for name, values in zip(self._manifest.labels.roi, outputs["roi_maps"][0], strict=True)
        }


def _input_spec(bundle: Bundle, manifest: PalsyManifest) -> PalsyInputSpec:
    path = bundle.directory / MANIFEST_FILE
    try:
        spec = PalsyInputSpec.from_dict(manifest.input.spec)
    except (TypeError, ValueError) as error:
        raise BundleError(path, str(error), field="input.spec") from error
    if spec.fingerprint() != manifest.input.fingerprint:
        raise BundleError(
            path,
            f"is {manifest.input.fingerprint}, but input.spec has the fingerprint {spec.fingerprint()}",
            field="input.fingerprint",
        )
    made = spec.tensor_shapes()
    for tensor in manifest.input.tensors:
        if tensor.name not in made:
            raise BundleError(path, f"this version does not make {tensor.name!r}", field="input.tensors")
        dtype, shape = made[tensor.name]
        if (tensor.dtype, tensor.shape) != (dtype, shape):
            raise BundleError(
                path,
                f"is {tensor.dtype} {list(tensor.shape)}, this version makes {dtype} {list(shape)}",
                field=f"input.tensors.{tensor.name}",
            )
    return spec
