"""A folder of photographs -> a table of grades, by the bundle that the service would answer with; no HTTP, no torch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from face.image.files import list_images
from face.image.limits import ImageLimits
from face.palsy.prediction_table import Predictions, Share, predict_photographs
from face.palsy.reading import ReadPhotograph
from face.photograph import PhotographReader
from face.version import VERSION
from face.vocabulary import FacePolicy
from service.analysis.palsy import PalsyAnalyzer
from service.inference.bundle import MANIFEST_FILE, Bundle
from service.inference.errors import BundleError
from service.inference.manifest import PalsyManifest
from service.inference.session import open_session


def grade_photographs(
    given: Sequence[Path],
    bundle: Bundle,
    out: Path,
    *,
    faces: FacePolicy = "single",
    limits: ImageLimits | None = None,
    share: Share | None = None,
    progress: Callable[[int, int], object] | None = None,
) -> Predictions:
    """Writes OUT/predictions.csv with one row an image; what is in OUT already is not read again, as
    `predict_photographs` says.

    bundle: one for palsy. limits: of one image file; the service's defaults if left out. Raises NoImages and
    BundleError.
    """
    images = list_images(given)
    manifest = bundle.manifest
    if not isinstance(manifest, PalsyManifest):
        raise BundleError(
            bundle.directory, f"a bundle for {manifest.task!r}; grading needs one for 'palsy'", field="task"
        )
    session = open_session(bundle)
    limits = limits or ImageLimits()
    answered_by = [(bundle.directory / MANIFEST_FILE).read_bytes(), f"{VERSION} {faces} {limits}".encode()]
    reader = PhotographReader(limits=limits)
    try:
        analyzer = PalsyAnalyzer(bundle, session, reader)

        def read(data: bytes) -> ReadPhotograph:
            return analyzer.read(data, face=faces)

        return predict_photographs(
            images, read, manifest.labels.grades, out, answered_by=answered_by, share=share, progress=progress
        )
    finally:
        reader.close()
