"""The naive peer: FastAPI, torch eager, a landmarker built for each request, the preprocessing and answer of the
service.

Started by the benchmark as `python -m tests.bench.naive_service CHECKPOINT PORT`; the same weights, default threads.
"""

from __future__ import annotations

import base64
import sys
from typing import Any

import torch
import uvicorn
from fastapi import FastAPI, UploadFile

from model_training.htnet_enhanced import HTNetEnhanced
from service.heatmaps.overlay import mosaic_overlay
from service.preprocessing.decode import decode_image
from service.preprocessing.landmarks import FaceLandmarker, choose_face
from service.preprocessing.palsy_decoding import PalsyCalibration, decode
from service.preprocessing.palsy_input import PalsyInputSpec, palsy_input
from tests.bench.subject import CALIBRATION


def make_app(checkpoint: str) -> FastAPI:
    stored = torch.load(checkpoint, weights_only=True)
    network = HTNetEnhanced(**{**stored["config"], "block_repeats": tuple(stored["config"]["block_repeats"])})
    network.load_state_dict(stored["state_dict"])
    network.eval()
    app = FastAPI()

    @app.get("/readyz")
    def ready() -> dict[str, bool]:
        return {"ready": True}

    @app.post("/v1/palsy/grade")
    def grade(image: UploadFile) -> dict[str, Any]:
        rgb = decode_image(image.file.read()).rgb
        with FaceLandmarker() as landmarker:
            face = choose_face(landmarker.detect(rgb), policy="single")
        made = palsy_input(rgb, face, PalsyInputSpec())
        with torch.no_grad():
            tensors = {name: torch.from_numpy(value[None]) for name, value in made.tensors.items()}
            outputs = network(tensors["images"], tensors["landmarks"], return_roi_maps=True)
        answer = {name: value.numpy() for name, value in outputs.items()}
        (reading,) = decode(answer["grade_logits"], answer["side_logits"], calibration=PalsyCalibration(**CALIBRATION))
        overlay = mosaic_overlay(
            answer["asymmetry_map"][0],
            made.aligned,
            width=rgb.shape[1],
            height=rgb.shape[0],
            full_scale=1.0,
            max_side_px=768,
        )
        return {"grade": reading.index, "side": reading.side, "heatmap": base64.b64encode(overlay.data).decode()}

    return app


if __name__ == "__main__":
    uvicorn.run(make_app(sys.argv[1]), host="127.0.0.1", port=int(sys.argv[2]), log_level="warning")
