"""The naive peer: what an ordinary engineer writes first. FastAPI, OpenCV, a landmarker built for each request, torch
eager with its default threads, the heatmap painted onto the photograph and sent as PNG.

It shares with the service what decides the answer and nothing else: the weights, the model's input, the decoding of its
outputs. No record, no limits, no regional scores. Started by the benchmark as
`python -m tests.bench.naive_service CHECKPOINT PORT`.
"""

from __future__ import annotations

import base64
import sys
from dataclasses import replace
from typing import Any

import cv2
import mediapipe as mp
import numpy as np
import numpy.typing as npt
import torch
import uvicorn
from fastapi import FastAPI, HTTPException, UploadFile
from mediapipe.tasks.python import BaseOptions, vision

from face.frame.regions import photo_to_mosaic
from face.landmarks.found_face import Face
from face.landmarks.mediapipe_reference.usage_reports import stop_usage_reports
from face.landmarks.model_file import find_landmark_model
from face.palsy.decoding import PalsyCalibration, decode
from face.palsy.input import PalsyInput, PalsyInputSpec, palsy_input
from model_training.networks.htnet_enhanced import HTNetEnhanced
from tests.bench.subject import CALIBRATION

Photo = npt.NDArray[np.uint8]


def load_network(checkpoint: str) -> HTNetEnhanced:
    stored = torch.load(checkpoint, weights_only=True)
    network = HTNetEnhanced(**{**stored["config"], "block_repeats": tuple(stored["config"]["block_repeats"])})
    network.load_state_dict(stored["state_dict"])
    return network.eval()


def decode_photo(data: bytes) -> Photo:
    return cv2.cvtColor(cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB)


def find_face(rgb: Photo) -> Face:
    stop_usage_reports()
    options = vision.FaceLandmarkerOptions(
        base_options=BaseOptions(model_asset_path=str(find_landmark_model())),
        output_facial_transformation_matrixes=True,
    )
    with vision.FaceLandmarker.create_from_options(options) as landmarker:
        first = detect(landmarker, rgb)
        second = detect(landmarker, np.ascontiguousarray(rgb[:, ::-1])).mirrored()
    return replace(first, points=(first.points + second.points) / 2)


def detect(landmarker: vision.FaceLandmarker, rgb: Photo) -> Face:
    found = landmarker.detect(mp.Image(image_format=mp.ImageFormat.SRGB, data=rgb))
    if not found.face_landmarks:
        raise HTTPException(422, "no face")
    height, width = rgb.shape[:2]
    return Face(
        points=np.array([(p.x * width, p.y * height, p.z * width) for p in found.face_landmarks[0]], dtype=np.float32),
        pose=np.array(found.facial_transformation_matrixes[0], dtype=np.float32),
        image_width=width,
        image_height=height,
    )


def run_network(network: HTNetEnhanced, made: PalsyInput) -> dict[str, npt.NDArray[Any]]:
    with torch.no_grad():
        tensors = {name: torch.from_numpy(value[None]) for name, value in made.tensors.items()}
        outputs = network.forward_all(tensors["images"], tensors["landmarks"], return_roi_maps=True)
    return {name: value.numpy() for name, value in outputs.items()}


def paint(rgb: Photo, asymmetry: npt.NDArray[np.float32], made: PalsyInput) -> bytes:
    """The photograph with the map over it, as PNG."""
    height, width = rgb.shape[:2]
    to_photo = photo_to_mosaic(made.aligned, size=asymmetry.shape[0]).inverse().matrix
    heat = cv2.warpAffine(np.clip(asymmetry * 255, 0, 255).astype(np.uint8), to_photo, (width, height))
    colours = cv2.applyColorMap(heat, cv2.COLORMAP_INFERNO)
    painted = cv2.addWeighted(cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR), 0.6, colours, 0.4, 0)
    return cv2.imencode(".png", painted)[1].tobytes()


def make_app(checkpoint: str) -> FastAPI:
    network = load_network(checkpoint)
    app = FastAPI()

    @app.get("/readyz")
    def ready() -> dict[str, bool]:
        return {"ready": True}

    @app.post("/v1/palsy/grade")
    def grade(image: UploadFile) -> dict[str, Any]:
        rgb = decode_photo(image.file.read())
        made = palsy_input(rgb, find_face(rgb), PalsyInputSpec())
        answer = run_network(network, made)
        (reading,) = decode(answer["grade_logits"], answer["side_logits"], calibration=PalsyCalibration(**CALIBRATION))
        heatmap = base64.b64encode(paint(rgb, answer["asymmetry_map"][0], made)).decode()
        return {"grade": reading.index, "side": reading.side, "heatmap": heatmap}

    return app


if __name__ == "__main__":
    uvicorn.run(make_app(sys.argv[1]), host="127.0.0.1", port=int(sys.argv[2]), log_level="warning")
