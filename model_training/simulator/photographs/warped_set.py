"""A table of warped photographs: every pose, side and grade put on one face, or palsies drawn for many faces.

OUT/images/NAME-....jpg are the warped photographs, in the size of the original; the rest is of `photograph_set.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from face.errors import PreprocessingError
from face.image.decode import decode_image
from face.landmarks.found_face import Face, choose_face
from face.landmarks.landmarker import FaceLandmarker
from face.palsy.severity import MAX_SEVERITY, RegionalSeverity, house_brackmann_grade, overall_severity
from model_training.data.sample_table import SPLITS, read_table
from model_training.errors import TrainingError
from model_training.simulator.patient import HEALTHY_SHARE, regional_severity, sample_effort
from model_training.simulator.photographs.fields import PHOTO_POSES, AskedMovement, WarpStyle, warp_photograph
from model_training.simulator.photographs.photograph_set import photographs_in, write_photograph_set
from model_training.simulator.photographs.pins import PIN_POSES, pull_photograph
from model_training.simulator.photographs.units import UnitManner, move_photograph
from model_training.simulator.sensor import encode_jpeg

SEVERITIES = tuple(float(step) for step in range(int(MAX_SEVERITY) + 1))
JPEG_QUALITY = 94
# How often each of PHOTO_POSES is drawn: rest tells little, by the definition of the grades.
POSE_SHARES = (0.1, 0.3, 0.3, 0.3)
# At rest grades I to III look alike, and most people who are photographed so are healthy: were they as rare as among
# the movements, a healthy face at rest would be graded III.
HEALTHY_SHARE_AT_REST = 0.7
# What moves the face: the smooth fields of photograph.py, the face units of photograph_units.py, either of these by
# chance, or the pins of photograph_pins.py, which are kept for judging.
MOVERS = ("fields", "units", "either", "pins")
# A table's healthy photographs in these poses are no neutral start for a warp: closed eyes cannot be closed.
CLOSED_EYES = ("gentle_closure", "tight_closure", "snarl")
# Columns of a table that stay true of a warped photograph.
KEPT_COLUMNS = ("skin_tone", "age_years", "glasses", "beard", "yaw_deg", "pitch_deg", "roll_deg", "natural_asymmetry")


@dataclass(frozen=True)
class HealthyPhotograph:
    """A photograph of a healthy face; `known` are columns of its table that the warp does not change."""

    path: Path
    name: str
    person_id: str
    split: str
    known: dict[str, Any]


@dataclass(frozen=True)
class Warp:
    """What is put on a photograph. manner: a style of the smooth fields, the signs that face units show beside, or None
    for pins, which know one manner only."""

    asked: AskedMovement
    manner: WarpStyle | UnitManner | None

    @property
    def mover(self) -> str:
        if self.manner is None:
            return "pins"
        return "fields" if isinstance(self.manner, WarpStyle) else "units"

    def on(self, rgb: np.ndarray, face: Face) -> np.ndarray:
        """The photograph (H, W, 3) uint8 with it."""
        if self.manner is None:
            return pull_photograph(rgb, face, self.asked)
        if isinstance(self.manner, WarpStyle):
            return warp_photograph(rgb, face, self.asked, style=self.manner)
        return move_photograph(rgb, face, self.asked, manner=self.manner)


def find_photographs(source: Path, *, split: str = "") -> list[HealthyPhotograph]:
    """An image file, a folder of them, or a sample table, whose rows of grade I are taken. split: where no table says.
    TrainingError: none there, or no such split."""
    if split not in SPLITS:
        raise TrainingError(f"split must be train, validation, test or empty, got {split!r}")
    if source.suffix in (".parquet", ".csv"):
        table = read_table(source)
        frame = table.frame
        healthy = frame[(frame["label"] == 1) & ~frame["pose"].isin(CLOSED_EYES)]
        found = [
            HealthyPhotograph(
                path=table.path(row["path"]),
                name=str(row["sample_id"]),
                person_id=str(row["person_id"]),
                split=str(row.get("split") or split),
                known={name: row[name] for name in KEPT_COLUMNS if name in row},
            )
            for row in healthy.to_dict("records")
        ]
    else:
        files = [source] if source.is_file() else photographs_in(source)
        found = [
            HealthyPhotograph(path=path, name=path.stem, person_id=path.stem, split=split, known={}) for path in files
        ]
    if not found:
        raise TrainingError(f"{source}: no such photograph, no photographs in it, or no row of grade I")
    return found


def every_grade(mover: str = "fields") -> list[Warp]:
    """Every pose, side and whole severity, by each mover in its plain manner; severity 0 once for each pose."""
    plain: dict[str, WarpStyle | UnitManner | None] = {"fields": WarpStyle(), "units": UnitManner(), "pins": None}
    return [
        Warp(AskedMovement(pose, side, RegionalSeverity.even(severity)), plain[by])
        for by in _movers(mover)
        for pose in (PIN_POSES if by == "pins" else PHOTO_POSES)
        for severity in SEVERITIES
        for side in (("left", "right") if severity else ("left",))
    ]


def drawn_palsies(count: int, rng: np.random.Generator, mover: str = "fields") -> Iterator[Warp]:
    """Random poses, sides, severities (region by region), efforts and manners of movement."""
    movers = _movers(mover, drawn=True)
    for _ in range(count):
        pose = PHOTO_POSES[rng.choice(len(PHOTO_POSES), p=POSE_SHARES)]
        healthy_share = HEALTHY_SHARE_AT_REST if pose == "rest" else HEALTHY_SHARE
        overall = 0.0 if rng.random() < healthy_share else min(MAX_SEVERITY, float(rng.uniform(0.5, 5.4)))
        severity = regional_severity(overall, rng) if overall else RegionalSeverity.even(0.0)
        side = ("left", "right")[rng.integers(2)]
        effort = sample_effort(rng)
        by = movers[0] if len(movers) == 1 else movers[rng.integers(2)]
        manner = WarpStyle.sample(rng) if by == "fields" else UnitManner.sample(overall, rng)
        yield Warp(AskedMovement(pose, side, severity, effort), manner)


def _movers(mover: str, *, drawn: bool = False) -> tuple[str, ...]:
    if mover not in MOVERS:
        raise TrainingError(f"what moves the face must be one of {', '.join(MOVERS)}, got {mover!r}")
    if drawn and mover == "pins":
        raise TrainingError(
            "pins are kept for judging and put every pose, side and grade on a face: leave out --per-photo"
        )
    return MOVERS[:2] if mover == "either" else (mover,)


def warp_photograph_set(
    source: Path,
    out: Path,
    *,
    per_photo: int = 0,
    seed: int = 0,
    split: str = "",
    mover: str = "fields",
    on_progress: Callable[[int, int], None] | None = None,
) -> Path:
    """Write OUT -> path of its table. `source` as in `find_photographs`.

    per_photo: palsies drawn for each photograph; 0 puts every pose, side and grade on each. mover: one of MOVERS. A
    photograph's draws depend on the seed, its name and the mover alone. split: of every row whose table does not say.
    on_progress is called with (photographs done, all). A photograph that cannot be read or does not show exactly one
    face is a TrainingError where it is the only one; of several, it is listed in OUT/dropped.csv.
    """
    if per_photo < 0:
        raise TrainingError(f"the number of palsies per photograph must not be negative, got {per_photo}")
    _movers(mover, drawn=per_photo > 0)  # a wrong one is refused before anything is written
    photographs = find_photographs(source, split=split)

    def make(
        photograph: HealthyPhotograph, landmarker: FaceLandmarker, rng: np.random.Generator
    ) -> list[dict[str, Any]]:
        warps = list(drawn_palsies(per_photo, rng, mover)) if per_photo else every_grade(mover)
        try:
            return _warp_one(photograph, warps, out, landmarker)
        except (PreprocessingError, OSError) as error:
            if len(photographs) == 1:
                raise TrainingError(f"{photograph.path}: {error}") from error
            raise

    settings = {"per_photo": per_photo, "seed": seed, "split": split, "mover": mover}
    return write_photograph_set(
        photographs, out, make, source=source, folders=("images",), settings=settings, on_progress=on_progress
    )


def _warp_one(
    photograph: HealthyPhotograph, warps: list[Warp], out: Path, landmarker: FaceLandmarker
) -> list[dict[str, Any]]:
    rgb = decode_image(photograph.path.read_bytes()).rgb
    face = choose_face(landmarker.detect(rgb), policy="single")
    return [warp_to_file(photograph, warp, rgb, face, out, number=f"{index:02d}") for index, warp in enumerate(warps)]


def warp_to_file(
    photograph: HealthyPhotograph, warp: Warp, rgb: np.ndarray, face: Face, out: Path, *, number: str
) -> dict[str, Any]:
    """Writes one picture below OUT/images -> its row. number: tells it from the others of the photograph."""
    asked = warp.asked
    grade = house_brackmann_grade(asked.severity)
    side = asked.side if grade > 1 else "none"
    name = f"{photograph.name}-{number}-{asked.pose}-{side}"
    (out / "images" / f"{name}.jpg").write_bytes(encode_jpeg(warp.on(rgb, face), JPEG_QUALITY))
    return {
        "sample_id": name,
        "person_id": photograph.person_id,
        "path": f"images/{name}.jpg",
        "label": grade,
        "side": side,
        "pose": asked.pose,
        "split": photograph.split,
        "dataset": "warped-photograph",
        "mover": warp.mover,
        "severity": overall_severity(asked.severity),
        **{f"severity_{region}": value for region, value in asked.severity.as_dict().items()},
        **photograph.known,
    }
