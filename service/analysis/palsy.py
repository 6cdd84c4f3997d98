"""One photograph -> House-Brackmann grade, side, regional asymmetry and the maps that explain them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Self

import numpy as np
import numpy.typing as npt

from face.frame.quality import Quality
from face.frame.regions import region_polygons
from face.palsy.decoding import PalsyCalibration, PalsyReading
from face.palsy.input import PalsyInputSpec
from face.palsy.limits import AnswerLimits
from face.palsy.reading import PalsyLook, ReadPhotograph, look_palsy, read_palsy
from face.palsy.visibility import Visibility
from face.photograph import Photograph, PhotographReader
from face.stopwatch import Stopwatch
from face.vocabulary import HOUSE_BRACKMANN, FacePolicy, OutlinedRegion, Pose, Region, RegionOfInterest
from service.analysis.input_spec import spec_of
from service.heatmaps.overlay import Overlay, mosaic_overlay
from service.heatmaps.weak_half import towards_weak_half
from service.inference.bundle import MANIFEST_FILE, Bundle
from service.inference.errors import BundleError
from service.inference.manifest import PalsyManifest
from service.inference.session import Session


@dataclass(frozen=True)
class SentPicture:
    """The picture as sent, upright by its own metadata: its size in pixels, by how much it had to be turned clockwise
    for the face to stand upright, and whether the sender said that the camera had mirrored it."""

    width: int
    height: int
    turned_deg: Literal[0, 90, 180, 270]
    mirrored: bool

    @classmethod
    def of(cls, photograph: Photograph, *, mirrored: bool) -> Self:
        clockwise: tuple[Literal[0, 90, 180, 270], ...] = (0, 270, 180, 90)
        return cls(photograph.sent_width, photograph.sent_height, clockwise[photograph.quarter_turns], mirrored)


@dataclass(frozen=True, eq=False)
class PalsyAnalysis:
    """The answer in the domain's terms.

    labels: names of the grades, mildest first; probabilities in `reading` have their order. regional: asymmetry 0..1
    by region, None for one that is not seen; score: the mean of the others, None where there are none. polygons: (4, 2)
    points (x, y) in pixels of the upright photograph.
    evidence: the scale is defined on movement, one photograph shows none, so this is never left out.
    """

    labels: tuple[str, ...]
    reading: PalsyReading
    coverage: float
    score: float | None
    regional: dict[Region, float | None]
    visibility: Visibility
    heatmap: Overlay | None
    roi_maps: dict[RegionOfInterest, Overlay] | None
    polygons: dict[OutlinedRegion, npt.NDArray[np.float64]]
    picture: SentPicture
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
            raise BundleError(bundle.directory / MANIFEST_FILE, f"{manifest.task!r} is not 'palsy'", field="task")
        self._spec = spec_of(bundle, PalsyInputSpec.from_dict)
        self._manifest = manifest
        self._session = session
        self._reader = reader
        self._calibration = PalsyCalibration(**manifest.calibration.model_dump())
        self._limits = AnswerLimits.of(manifest.thresholds.model_dump())
        self._overlay_max_side_px = overlay_max_side_px

    @property
    def grades(self) -> tuple[str, ...]:
        """Names of the grades, mildest first."""
        return self._manifest.labels.grades

    @property
    def grades_house_brackmann(self) -> bool:
        """Whether its grades are I to VI, and not a data set's own."""
        return self.grades == HOUSE_BRACKMANN

    def analyze(
        self,
        data: bytes,
        *,
        face: FacePolicy = "single",
        mirrored: bool = False,
        pose: Pose | None = None,
        heatmap: bool = True,
        roi_maps: bool = False,
    ) -> PalsyAnalysis:
        """Raises the PreprocessingErrors of every stage, FaceCovered, OutOfDistribution, and NonFiniteOutput."""
        watch = Stopwatch()
        read = self.read(data, face=face, mirrored=mirrored, pose=pose, watch=watch)
        return self.explain(read, mirrored=mirrored, heatmap=heatmap, roi_maps=roi_maps, watch=watch)

    def explain(
        self, read: ReadPhotograph, *, mirrored: bool, heatmap: bool, roi_maps: bool, watch: Stopwatch
    ) -> PalsyAnalysis:
        """The answer of a photograph that was read, with the pictures that are wanted."""
        regional = read.regional
        assert regional is not None  # noqa: S101 - every manifest names an asymmetry map among the outputs
        scores = [score for score in regional.values() if score is not None]
        with watch.stage("rendering"):
            shown = towards_weak_half(read.outputs["asymmetry_map"], read.reading.side)
            asymmetry = self._overlay(read, shown, self._limits.full_scale) if heatmap else None
            regions_of_interest = (
                {
                    name: self._overlay(read, values, 1.0)
                    for name, values in zip(self._manifest.labels.roi, read.outputs["roi_maps"], strict=True)
                }
                if roi_maps
                else None
            )
        return PalsyAnalysis(
            labels=self._manifest.labels.grades,
            reading=read.reading,
            coverage=self._calibration.coverage,
            score=sum(scores) / len(scores) if scores else None,
            regional=regional,
            visibility=read.visibility,
            heatmap=asymmetry,
            roi_maps=regions_of_interest,
            polygons=region_polygons(read.photograph.on_sent(read.made.aligned)),
            picture=SentPicture.of(read.photograph, mirrored=mirrored),
            quality=read.quality,
            warnings=read.warnings,
            timings_ms=watch.finish(),
        )

    def read(
        self,
        data: bytes,
        *,
        face: FacePolicy = "single",
        mirrored: bool = False,
        pose: Pose | None = None,
        watch: Stopwatch | None = None,
    ) -> ReadPhotograph:
        """The reading without pictures: what a table of many photographs needs. Raises as `analyze`."""
        return read_palsy(
            data,
            self._reader,
            self._session.run,
            self._spec,
            calibration=self._calibration,
            limits=self._limits,
            policy=face,
            mirrored=mirrored,
            pose=pose,
            watch=watch,
        )

    def look(self, data: bytes, *, face: FacePolicy, mirrored: bool, watch: Stopwatch) -> PalsyLook:
        """One light look without a grade. Raises as `look_palsy`."""
        return look_palsy(
            data,
            self._reader,
            self._session.run,
            self._spec,
            limits=self._limits,
            policy=face,
            mirrored=mirrored,
            watch=watch,
        )

    def _overlay(self, read: ReadPhotograph, values: npt.NDArray[np.float32], full_scale: float) -> Overlay:
        return mosaic_overlay(
            values,
            read.photograph.on_sent(read.made.aligned),
            width=read.photograph.sent_width,
            height=read.photograph.sent_height,
            full_scale=full_scale,
            max_side_px=self._overlay_max_side_px,
        )
