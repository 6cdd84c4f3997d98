"""The stages of a request in process, one by one, with the functions that the service calls."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

from service.heatmaps.overlay import mosaic_overlay
from service.inference.bundle import load_bundle
from service.inference.session import open_session
from service.preprocessing.decode import decode_image
from service.preprocessing.landmarks import FaceLandmarker, choose_face
from service.preprocessing.palsy_decoding import PalsyCalibration, decode
from service.preprocessing.palsy_input import PalsyInputSpec, palsy_input
from service.preprocessing.quality import QualityLimits, check_quality, measure_quality
from tests.bench.measuring import interleaved
from tests.bench.subject import CALIBRATION


def measure_stages(bundle_path: Path, photo: bytes, *, rounds: int) -> dict[str, Any]:
    """-> {"stages": {name: cpu_ms, wall_ms}, "sum_cpu_ms": of the medians}."""
    session = open_session(load_bundle(bundle_path))
    spec, calibration = PalsyInputSpec(), PalsyCalibration(**CALIBRATION)
    with FaceLandmarker(max_faces=8) as landmarker:  # the service's default
        rgb = decode_image(photo).rgb
        face = choose_face(landmarker.detect(rgb), policy="single")
        made = palsy_input(rgb, face, spec)
        inputs = {name: tensor[None] for name, tensor in made.tensors.items()}
        outputs = session.run(inputs)

        def quality() -> None:
            check_quality(measure_quality(rgb, face, aligned=made.aligned), QualityLimits())

        def model() -> None:
            answer = session.run(inputs)
            decode(answer["grade_logits"], answer["side_logits"], calibration=calibration)

        def heatmap() -> None:
            overlay = mosaic_overlay(
                outputs["asymmetry_map"][0],
                made.aligned,
                width=rgb.shape[1],
                height=rgb.shape[0],
                full_scale=1.0,
                max_side_px=768,
            )
            json.dumps({"data": base64.b64encode(overlay.data).decode()})

        stages = interleaved(
            {
                "decode": lambda: decode_image(photo),
                "landmarks": lambda: landmarker.detect(rgb),
                "crops": lambda: palsy_input(rgb, face, spec),
                "quality": quality,
                "model": model,
                "heatmap": heatmap,
            },
            rounds=rounds,
        )
    return {"stages": stages, "sum_cpu_ms": round(sum(stage["cpu_ms"]["p50"] for stage in stages.values()), 2)}
