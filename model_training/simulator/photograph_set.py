"""A table of warped photographs: every pose, side and grade put on one face."""

from __future__ import annotations

from pathlib import Path

import cv2
import pandas as pd

from model_training.errors import TrainingError
from model_training.sample_table import write_table
from model_training.simulator.palsy import MAX_SEVERITY, RegionalSeverity, grade_of_severity
from model_training.simulator.photograph import PHOTO_POSES, warp_photograph
from service.preprocessing.decode import decode_image
from service.preprocessing.errors import PreprocessingError
from service.preprocessing.landmarks import FaceLandmarker, choose_face

SEVERITIES = tuple(float(step) for step in range(int(MAX_SEVERITY) + 1))
JPEG_QUALITY = 94


def warp_photograph_set(photo: Path, out: Path, *, poses: tuple[str, ...] = PHOTO_POSES) -> Path:
    """Write OUT/images/*.jpg and OUT/samples.parquet -> path of the table.

    Severity 0 is written once for each pose (side none), the others for both sides. The warped pictures keep the
    size of the photograph. Raises TrainingError when the file cannot be read or does not show exactly one face.
    """
    if not photo.is_file():
        raise TrainingError(f"{photo}: no such photograph")
    try:
        rgb = decode_image(photo.read_bytes()).rgb
        with FaceLandmarker() as landmarker:
            face = choose_face(landmarker.detect(rgb), policy="single")
    except PreprocessingError as error:
        raise TrainingError(f"{photo}: {error}") from error
    (out / "images").mkdir(parents=True, exist_ok=True)
    rows = []
    for pose in poses:
        for severity in SEVERITIES:
            for side in ("left", "right") if severity else ("left",):
                level = RegionalSeverity.even(severity)
                warped = warp_photograph(rgb, face, pose=pose, side=side, severity=level)
                grade = grade_of_severity(severity)
                shown_side = side if grade > 1 else "none"
                name = f"{photo.stem}-{pose}-{shown_side}-{severity:g}"
                done, jpeg = cv2.imencode(".jpg", warped[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
                if not done:
                    raise TrainingError(f"{photo}: a picture of shape {warped.shape} could not be encoded as JPEG")
                (out / "images" / f"{name}.jpg").write_bytes(jpeg.tobytes())
                rows.append(
                    {
                        "sample_id": name,
                        "person_id": photo.stem,
                        "path": f"images/{name}.jpg",
                        "label": grade,
                        "side": shown_side,
                        "pose": pose,
                        "split": "",
                        "dataset": "warped-photograph",
                        "severity": severity,
                        **{f"severity_{region}": value for region, value in level.as_dict().items()},
                    }
                )
    path = out / "samples.parquet"
    write_table(pd.DataFrame(rows), path)
    return path
