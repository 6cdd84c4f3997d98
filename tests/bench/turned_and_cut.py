"""A palsy bundle on photographs that lie on their side, and on faces that the picture's border cuts.

    python -m tests.bench.turned_and_cut PHOTOGRAPHS [--models models/palsy] [--count 60]

PHOTOGRAPHS is a folder, each picture with one upright face. Turned: the three other ways up without a word in the file,
and all eight EXIF orientations; the answer should be that of the upright picture. Cut: the picture's border moved into
the face from each side; a region of which more than 30 % is gone, by the landmarks of the whole picture, should be
named or the picture refused.
"""

from __future__ import annotations

import argparse
import io
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image

from face.errors import PreprocessingError
from face.frame.alignment import align_face
from face.frame.geometry import Similarity
from face.frame.regions import cells_inside, roi_masks, visible_region_masks
from face.image.decode import RgbImage, decode_image
from face.image.limits import ImageLimits
from face.landmarks.found_face import Face
from face.palsy.reading import ReadPhotograph
from face.palsy.visibility import OUTSIDE_ABOVE
from face.photograph import PhotographReader
from face.vocabulary import VISIBLE_REGIONS, VisibleRegion
from service.analysis.models import load_models
from service.analysis.palsy import PalsyAnalyzer

# How a picture is stored that each EXIF orientation turns upright.
STORED: dict[int, Callable[[RgbImage], RgbImage]] = {
    1: lambda rgb: rgb,
    2: lambda rgb: rgb[:, ::-1],
    3: lambda rgb: rgb[::-1, ::-1],
    4: lambda rgb: rgb[::-1],
    5: lambda rgb: rgb.transpose(1, 0, 2),
    6: lambda rgb: np.rot90(rgb),
    7: lambda rgb: rgb[::-1, ::-1].transpose(1, 0, 2),
    8: lambda rgb: np.rot90(rgb, -1),
}
# Where the border cuts, in eye distances from the middle between the eyes, outwards and down.
CUTS = (0.2, 0.45, 0.7)


def png(rgb: RgbImage, orientation: int | None = None) -> bytes:
    buffer = io.BytesIO()
    exif = Image.Exif()
    if orientation is not None:
        exif[0x0112] = orientation
    Image.fromarray(np.ascontiguousarray(rgb)).save(buffer, "PNG", compress_level=1, exif=exif)
    return buffer.getvalue()


def answered(analyzer: PalsyAnalyzer, data: bytes) -> ReadPhotograph | PreprocessingError:
    try:
        return analyzer.read(data, face="largest")
    except PreprocessingError as refused:
        return refused


def said(answer: ReadPhotograph | PreprocessingError) -> tuple[object, object]:
    if isinstance(answer, PreprocessingError):
        return answer.code, ""
    return answer.reading.index, answer.reading.side


def cut_pictures(rgb: RgbImage, face: Face) -> list[tuple[RgbImage, tuple[int, int]]]:
    """The picture without what lies beyond a line, and where its left upper corner lay."""
    unit, (x, y) = face.interocular_px, face.eye_centres.mean(axis=0)
    made = []
    for share in CUTS:
        left, right = (round(float(x + sign * share * unit)) for sign in (-1, 1))
        lower, upper = round(float(y + (share + 0.6) * unit)), round(float(y - (share - 0.25) * unit))
        made += [(rgb[:, left:], (left, 0)), (rgb[:, :right], (0, 0)), (rgb[:lower], (0, 0)), (rgb[upper:], (0, upper))]
    return [(picture, corner) for picture, corner in made if min(picture.shape[:2]) > 32 and min(corner) >= 0]


def gone(rgb: RgbImage, face: Face, cut: RgbImage, corner: tuple[int, int]) -> list[VisibleRegion]:
    """The regions of the face in `rgb` of which more than OUTSIDE_ABOVE lies outside of the cut picture."""
    aligned = align_face(rgb, face)
    on_cut = replace(aligned, to_canonical=Similarity.translation(*corner).then(aligned.to_canonical))
    inside = cells_inside(on_cut, size=56, width=cut.shape[1], height=cut.shape[0])
    masks = visible_region_masks(roi_masks(aligned, size=56))
    shares = (masks * inside).sum(axis=(1, 2)) / masks.sum(axis=(1, 2))
    return [region for region, share in zip(VISIBLE_REGIONS, shares, strict=True) if share < 1 - OUTSIDE_ABOVE]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photographs", type=Path)
    parser.add_argument("--models", type=Path, default=Path("models/palsy"))
    parser.add_argument("--count", type=int, default=60)
    options = parser.parse_args()
    reader = PhotographReader(limits=ImageLimits())
    loaded = load_models(options.models, reader, provider="cpu", variant=None, threads=1, overlay_max_side_px=768).palsy
    assert loaded is not None
    analyzer = loaded.analyzer
    alike: Counter[str] = Counter()
    asked: Counter[str] = Counter()
    unnamed: list[str] = []
    for path in sorted(options.photographs.iterdir())[: options.count]:
        rgb = decode_image(path.read_bytes()).rgb
        upright = answered(analyzer, png(rgb))
        if isinstance(upright, PreprocessingError):
            continue
        turned = {f"turned by {90 * turns}": png(np.rot90(rgb, turns)) for turns in (1, 2, 3)}
        marked = {"EXIF orientation": [png(stored(rgb), number) for number, stored in STORED.items()]}
        for name, pictures in {**{name: [data] for name, data in turned.items()}, **marked}.items():
            asked[name] += len(pictures)
            alike[name] += sum(said(answered(analyzer, data)) == said(upright) for data in pictures)
        face = upright.photograph.face
        for cut, corner in cut_pictures(upright.photograph.rgb, face):
            lost = gone(upright.photograph.rgb, face, cut, corner)
            if not lost:
                continue
            asked["cut"] += 1
            answer = answered(analyzer, png(cut))
            named = isinstance(answer, PreprocessingError) or bool(
                answer.visibility.hidden or answer.visibility.partly or answer.visibility.cut
            )
            alike["cut"] += named
            if not named:
                unnamed.append(f"{path.name}: {', '.join(lost)}")
    print("| figure | |\n|---|---|")
    for name, count in asked.items():
        words = "a region over 30 % outside: named or refused" if name == "cut" else "same grade and side as upright"
        print(f"| {name}: {words} | {alike[name]} of {count} |")
    print("\n".join(unnamed))
    reader.close()


if __name__ == "__main__":
    main()
