"""The stages of a request in process, one by one: the service's, with the functions and defaults that it has, and the
naive peer's."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from face.frame.quality import QualityLimits, check_quality, measure_quality
from face.frame.regions import regional_asymmetry, roi_masks
from face.image.decode import decode_image
from face.landmarks.landmarker import FaceLandmarker
from face.palsy.decoding import PalsyCalibration, decode
from face.palsy.input import PalsyInputSpec, palsy_input
from face.photograph import PhotographReader
from model_training.networks.htnet_enhanced import HTNetEnhanced
from service.analysis.models import load_models
from service.api.schemas.palsy import PalsyAnswer
from service.audit.entry import AuditEntry, hash_image
from service.audit.prepare import prepare_database
from service.audit.store import AuditStore
from service.config import Settings
from service.heatmaps.overlay import mosaic_overlay
from tests.bench import naive_service
from tests.bench.measuring import interleaved
from tests.bench.subject import CALIBRATION


def measure_stages(bundle_path: Path, photo: bytes, *, rounds: int) -> dict[str, Any]:
    """-> {"stages": {name: cpu_ms, wall_ms}, "sum_cpu_ms": of the medians}."""
    settings = Settings()
    spec, calibration = PalsyInputSpec(), PalsyCalibration(**CALIBRATION)
    reader = PhotographReader(limits=settings.image_limits, max_faces=settings.faces_max)
    loaded = load_models(
        bundle_path,
        reader,
        provider="cpu",
        variant=None,
        threads=settings.model_threads,
        overlay_max_side_px=settings.overlay_max_side_px,
    ).palsy
    analysis = loaded.analyzer.analyze(photo)
    reader.close()
    with (
        FaceLandmarker(max_faces=settings.faces_max) as landmarker,
        tempfile.TemporaryDirectory() as folder,
    ):
        rgb = decode_image(photo).rgb
        face = landmarker.look(rgb, policy="largest", both_ways=True).face
        made = palsy_input(rgb, face, spec)
        inputs = {name: tensor[None] for name, tensor in made.tensors.items()}
        outputs = loaded.session.run(inputs)
        url = f"sqlite:///{folder}/audit.sqlite"
        prepare_database(url)
        audit = AuditStore(url)

        def quality() -> None:
            check_quality(measure_quality(rgb, face, aligned=made.aligned), QualityLimits())

        def model() -> None:
            answer = loaded.session.run(inputs)
            decode(answer["grade_logits"], answer["side_logits"], calibration=calibration)

        def heatmap() -> None:
            mosaic_overlay(
                outputs["asymmetry_map"][0],
                made.aligned,
                width=rgb.shape[1],
                height=rgb.shape[0],
                full_scale=1.0,
                max_side_px=settings.overlay_max_side_px,
            )

        def record() -> None:
            audit.write(
                AuditEntry(
                    request_id="0" * 32,
                    key_id=None,
                    task="palsy",
                    model_name="bench",
                    model_version="0.0.0",
                    model_sha256=loaded.sha256,
                    image_sha256=(hash_image(photo),),
                    label="I",
                    probabilities=dict.fromkeys(analysis.labels, 0.1),
                )
            )

        stages = interleaved(
            {
                "decode": lambda: decode_image(photo),
                "landmarks": lambda: landmarker.look(rgb, policy="largest", both_ways=True),
                "crops": lambda: palsy_input(rgb, face, spec),
                "quality": quality,
                "model": model,
                "regional scores": lambda: regional_asymmetry(
                    outputs["asymmetry_map"][0], roi_masks(made.aligned, size=outputs["asymmetry_map"].shape[-1])
                ),
                "heatmap": heatmap,
                "answer as JSON": lambda: PalsyAnswer.of(analysis, model=loaded, request_id="0" * 32).model_dump_json(),
                "audit record": record,
            },
            rounds=rounds,
        )
        audit.close()
    answer = PalsyAnswer.of(analysis, model=loaded, request_id="0" * 32).model_dump_json()
    return {"stages": stages, "sum_cpu_ms": _sum(stages), "answer_bytes": len(answer)}


def measure_naive_stages(network: HTNetEnhanced, photo: bytes, *, rounds: int) -> dict[str, Any]:
    """The same for the naive peer; one thread, where its server uses torch's default."""
    rgb = naive_service.decode_photo(photo)
    made = palsy_input(rgb, naive_service.find_face(rgb), PalsyInputSpec())
    asymmetry = np.asarray(naive_service.run_network(network, made)["asymmetry_map"][0])
    stages = interleaved(
        {
            "decode": lambda: naive_service.decode_photo(photo),
            "landmarks": lambda: naive_service.find_face(rgb),
            "crops": lambda: palsy_input(rgb, made.face, PalsyInputSpec()),
            "model": lambda: naive_service.run_network(network, made),
            "heatmap": lambda: naive_service.paint(rgb, asymmetry, made),
        },
        rounds=rounds,
    )
    return {"stages": stages, "sum_cpu_ms": _sum(stages)}


def _sum(stages: dict[str, Any]) -> float:
    return round(sum(stage["cpu_ms"]["p50"] for stage in stages.values()), 2)
