"""Onset and apex photographs -> an emotion with its probability and the motion that speaks for it. Knows nothing of
HTTP.

Data flow: bytes -> pixels -> face, twice -> read_pair (quality, registration, flow, graph, probabilities); the motion
goes back through the inverse registration onto the apex photograph.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from face.frame.quality import Quality, QualityLimits
from face.microexpression.clip_frame import ClipFrame
from face.microexpression.clip_reading import ReadClip, read_clip
from face.microexpression.reading import read_pair
from face.microexpression.spec import MicroExpressionSpec
from face.photograph import PhotographReader
from face.stopwatch import Stopwatch
from face.vocabulary import FacePolicy, MovementKind
from service.analysis.input_spec import spec_of
from service.heatmaps.overlay import Overlay, overlay_size, photo_overlay
from service.inference.bundle import MANIFEST_FILE, Bundle
from service.inference.errors import BundleError
from service.inference.manifest import MicroexpressionManifest
from service.inference.session import Session


@dataclass(frozen=True, eq=False)
class MicroexpressionAnalysis:
    """label, probability: None where the movement is no expression. probabilities: by emotion, in the manifest's
    order. reliability: 0..1, how sure it is that anything but head, light and camera differs. score, regions: 95th
    percentile of the motion, per cent of the inter-ocular distance. quality: of the onset, whose landmarks set the
    crop. heatmap: None where it was not asked for.
    """

    label: str | None
    probability: float | None
    probabilities: dict[str, float]
    kind: MovementKind
    reliability: float
    score: float
    regions: dict[str, float]
    heatmap: Overlay | None
    quality: Quality
    warnings: tuple[str, ...]
    timings_ms: dict[str, float]


class MicroexpressionAnalyzer:
    """One verified bundle, ready to answer. Safe to call from several threads."""

    def __init__(
        self, bundle: Bundle, session: Session, reader: PhotographReader, *, overlay_max_side_px: int = 512
    ) -> None:
        """Raises BundleError if the bundle was made for another preprocessing."""
        manifest = bundle.manifest
        if not isinstance(manifest, MicroexpressionManifest):
            path = bundle.directory / MANIFEST_FILE
            raise BundleError(path, f"{manifest.task!r} is not 'microexpression'", field="task")
        self.spec = spec_of(bundle, MicroExpressionSpec.from_dict)
        self._manifest = manifest
        self._session = session
        self.reader = reader
        self._overlay_max_side_px = overlay_max_side_px
        self._limits = QualityLimits(**manifest.thresholds.quality)

    @property
    def emotions(self) -> tuple[str, ...]:
        """In the order of the probabilities."""
        return self._manifest.labels.emotions

    def analyze(
        self,
        onset: bytes,
        apex: bytes,
        *,
        face: FacePolicy = "single",
        mirrored: bool = False,
        heatmap: bool = True,
    ) -> MicroexpressionAnalysis:
        """Raises PreprocessingError for a pair that cannot be judged, NonFiniteOutput for a broken model."""
        watch = Stopwatch()
        first = self.reader.read(onset, policy=face, mirrored=mirrored, watch=watch)
        second = self.reader.read(apex, policy=face, mirrored=mirrored, watch=watch)
        read = read_pair(
            first,
            second,
            self.spec,
            self._session.run,
            emotions=self._manifest.labels.emotions,
            temperature=self._manifest.calibration.temperature,
            limits=self._limits,
            watch=watch,
        )
        overlay = None
        if heatmap:
            with watch.stage("rendering"):
                width, height = overlay_size(
                    second.sent_width, second.sent_height, max_side_px=self._overlay_max_side_px
                )
                motion = read.made.motion_on_apex(
                    onto=second.to_sent, width=width, height=height, scale=second.sent_width / width
                )
                overlay = photo_overlay(motion, full_scale=self._manifest.thresholds.heatmap_full_scale)
        return MicroexpressionAnalysis(
            label=read.label,
            probability=read.probability,
            probabilities=read.probabilities,
            kind=read.made.moved.kind,
            reliability=read.made.moved.reliability,
            score=read.made.moved.score,
            regions=read.made.moved.regions,
            heatmap=overlay,
            quality=read.quality,
            warnings=read.warnings,
            timings_ms=watch.finish(),
        )

    def read_frames(
        self, frames: Sequence[ClipFrame], *, watch: Stopwatch, progress: Callable[[float], object]
    ) -> ReadClip:
        """The events of a clip. Raises what `read_clip` raises, and NonFiniteOutput for a broken model."""
        return read_clip(
            frames,
            self.spec,
            self._session.run,
            emotions=self._manifest.labels.emotions,
            temperature=self._manifest.calibration.temperature,
            limits=self._limits,
            watch=watch,
            progress=progress,
        )
