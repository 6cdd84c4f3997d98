"""Does the classifier answer the same with DIS flow as with TV-L1 at the published parameters?

Three steps in two environments: TV-L1 is only in OpenCV's contrib wheels, which must not be installed beside the plain
one. Its step runs in an environment of its own that needs nothing but that wheel and numpy.

    python -m model_training.microexpression.simulation.compare_flow pairs --out pairs.npz --people 60
    python -m venv contrib && contrib/bin/pip install numpy opencv-contrib-python-headless
    contrib/bin/python -m model_training.microexpression.simulation.compare_flow tvl1 --pairs pairs.npz --out tvl1.npz
    python -m model_training.microexpression.simulation.compare_flow compare --pairs pairs.npz --tvl1 tvl1.npz
        --checkpoint FILE

`compare --grid` does so for several settings of DIS: to choose one, on pairs of another seed than those reported.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from face.microexpression.flow import DisParameters, dis_flow, flow_image
from face.microexpression.head_motion import head_motion

# IPOL 2013/26, as published for the flow images.
TVL1 = {
    "tau": 0.25, "lambda_": 0.15, "theta": 0.3, "nscales": 5, "scaleStep": 0.5, "warps": 5, "epsilon": 0.01,
}  # fmt: skip


def without_head(flow: np.ndarray) -> np.ndarray:
    """Flow with the motion of the head as a whole taken out, as the service does."""
    height, width = flow.shape[:2]
    return np.asarray(flow - head_motion(flow, np.ones((height, width), np.float32)).field)


def make_pairs(out: Path, people: int, seed: int) -> None:
    """Crops of onset and apex (warped by the exact motion, with noise), class and size of the movement."""
    from face.microexpression.flow import luminance
    from face.microexpression.spec import MicroExpressionSpec
    from model_training.microexpression.simulation.face_motion import MotionStudio
    from model_training.microexpression.simulation.rendered_pairs import MOVEMENTS
    from model_training.microexpression.simulation.simulated_flow import warp_forward

    studio = MotionStudio(MicroExpressionSpec())
    onsets: list[np.ndarray] = []
    apexes: list[np.ndarray] = []
    labels, percents = [], []
    for number in range(people):
        rng = np.random.default_rng([seed, number])
        face = studio.draw(rng)
        grey = luminance(face.onset)
        interocular = (studio.spec.eyes[1][0] - studio.spec.eyes[0][0]) * studio.spec.crop_width
        for label, units in MOVEMENTS.values():
            sided = {f"{unit}{side}": amount for unit, amount in units.items() for side in ("Left", "Right")}
            field = face.displacement([sided])[0]
            largest = float(np.linalg.norm(field, axis=-1).max()) / interocular * 100
            for percent in (1.0, 2.0, 3.0, 5.0):
                apex = warp_forward(grey, field * np.float32(percent / largest))
                for store, frame in ((onsets, grey), (apexes, apex)):
                    store.append(np.clip(frame + rng.normal(0, 1, frame.shape), 0, 255).astype(np.uint8))
                labels.append(label)
                percents.append(percent)
    studio.close()
    np.savez_compressed(out, onset=np.stack(onsets), apex=np.stack(apexes), label=labels, percent=percents)


def tvl1_images(pairs: Path, out: Path) -> None:
    """Flow images with TV-L1. Needs `cv2.optflow`."""
    if not hasattr(cv2, "optflow"):
        raise SystemExit("this OpenCV has no optflow module: run this step with opencv-contrib-python-headless")
    method = cv2.optflow.DualTVL1OpticalFlow_create(**TVL1)
    with np.load(pairs) as stored:
        onsets, apexes = stored["onset"], stored["apex"]
    cv2.setNumThreads(1)
    started = time.process_time()
    images = [
        flow_image(without_head(method.calc(onset, apex, None))) for onset, apex in zip(onsets, apexes, strict=True)
    ]
    print(f"{1e3 * (time.process_time() - started) / len(images):.1f} ms CPU a pair")
    np.savez_compressed(out, flow=np.stack(images))


GRID = (
    DisParameters(),
    DisParameters(smoothness=40.0),
    DisParameters(smoothness=80.0),
    DisParameters(refinement_iterations=10),
    DisParameters(refinement_iterations=10, smoothness=40.0),
    DisParameters(patch_stride=4),
    DisParameters(gradient_descent_iterations=12),
    DisParameters(finest_scale=1, refinement_iterations=10),
)
SMALL_PERCENT = 2.0  # below, the movement is hardly above the noise of the frames


def compare(pairs: Path, tvl1: Path, checkpoint: Path, settings: tuple[DisParameters, ...]) -> list[dict[str, Any]]:
    """For each setting: CPU per pair and, by size of the movement, how often the class is that of TV-L1 and right."""
    from model_training.configuration import build
    from model_training.microexpression.folded.reference import as_tensor, load_reference
    from model_training.microexpression.folded.training import TrainingConfig, predict

    reference = load_reference(checkpoint)
    config = build(TrainingConfig, reference["config"], source=str(checkpoint))

    def classes(images: np.ndarray) -> np.ndarray:
        return np.asarray(predict(config, reference["state_dict"], as_tensor(images)).mean(0).argmax(-1))

    with np.load(pairs) as stored, np.load(tvl1) as other:
        onsets, apexes, labels, percents = (stored[name] for name in ("onset", "apex", "label", "percent"))
        published = classes(other["flow"])
    groups = {f"{percent:g} %": percents == percent for percent in sorted(set(percents.tolist()))}
    groups[f"{SMALL_PERCENT:g} % and more"] = percents >= SMALL_PERCENT
    report = []
    for parameters in settings:
        started = time.process_time()
        images = [
            flow_image(without_head(dis_flow(onset.astype(np.float32), apex.astype(np.float32), parameters)))
            for onset, apex in zip(onsets, apexes, strict=True)
        ]
        spent = 1e3 * (time.process_time() - started) / len(images)
        ours = classes(np.stack(images))
        sizes = {
            name: {
                "pairs": int(chosen.sum()),
                "same_class": float((ours == published)[chosen].mean()),
                "right_with_dis": float((ours == labels)[chosen].mean()),
                "right_with_tvl1": float((published == labels)[chosen].mean()),
            }
            for name, chosen in groups.items()
        }
        report.append({"dis": asdict(parameters), "cpu_ms_per_pair": round(spent, 1), "sizes": sizes})
        last = sizes[f"{SMALL_PERCENT:g} % and more"]
        print(
            f"{parameters}: {spent:.1f} ms CPU, same class {last['same_class']:.3f} of {last['pairs']} pairs",
            flush=True,
        )
    return report


def cost(repeats: int = 30) -> dict[str, float]:
    """CPU milliseconds of one pair on one thread: landmarks of both frames, the input stage after them, and the flow in
    it."""
    from face.landmarks.landmarker import FaceLandmarker
    from face.microexpression.flow import luminance
    from face.microexpression.input import microexpression_input
    from face.microexpression.registration import onset_crop
    from face.microexpression.spec import MicroExpressionSpec
    from model_training.microexpression.simulation.face_motion import MotionStudio
    from model_training.microexpression.simulation.rendered_pairs import rendered_pairs

    spec = MicroExpressionSpec()
    studio = MotionStudio(spec)
    pair = next(iter(rendered_pairs(studio, people=1, seed=1, percents=(4.0,))))
    studio.close()

    def spent(work: Callable[[], Any]) -> float:
        work()
        started = time.process_time()
        for _ in range(repeats):
            work()
        return round(1e3 * (time.process_time() - started) / repeats, 1)

    with FaceLandmarker() as landmarker:
        faces = [landmarker.detect(frame)[0] for frame in (pair.onset, pair.apex)]
        landmarks = spent(lambda: [landmarker.detect(frame) for frame in (pair.onset, pair.apex)])
    crop = onset_crop(faces[0], spec)
    grey = [luminance(crop.warp(frame, size=(spec.crop_width, spec.crop_height))) for frame in (pair.onset, pair.apex)]
    return {
        "landmarks_of_two_frames_ms": landmarks,
        "input_stage_ms": spent(lambda: microexpression_input(pair.onset, faces[0], pair.apex, faces[1], spec)),
        "flow_alone_ms": spent(lambda: dis_flow(grey[0], grey[1], spec.dis)),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    steps = parser.add_subparsers(dest="step", required=True)
    pairs = steps.add_parser("pairs")
    pairs.add_argument("--out", type=Path, required=True)
    pairs.add_argument("--people", type=int, default=60)
    pairs.add_argument("--seed", type=int, default=77)
    tvl1 = steps.add_parser("tvl1")
    tvl1.add_argument("--pairs", type=Path, required=True)
    tvl1.add_argument("--out", type=Path, required=True)
    same = steps.add_parser("compare")
    same.add_argument("--pairs", type=Path, required=True)
    same.add_argument("--tvl1", type=Path, required=True)
    same.add_argument("--checkpoint", type=Path, required=True)
    same.add_argument("--grid", action="store_true", help="several settings of DIS in place of the service's")
    same.add_argument("--out", type=Path, help="JSON file for the figures")
    spending = steps.add_parser("cost", help="CPU time of the service's input stage, one thread")
    spending.add_argument("--out", type=Path, help="JSON file for the figures")
    arguments = parser.parse_args()
    if arguments.step == "pairs":
        make_pairs(arguments.out, arguments.people, arguments.seed)
    elif arguments.step == "tvl1":
        tvl1_images(arguments.pairs, arguments.out)
    elif arguments.step == "cost":
        cv2.setNumThreads(1)
        figures = cost()
        print(figures)
        if arguments.out:
            arguments.out.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
    else:
        cv2.setNumThreads(1)
        settings = GRID if arguments.grid else (DisParameters(),)
        report = compare(arguments.pairs, arguments.tvl1, arguments.checkpoint, settings)
        if arguments.out:
            arguments.out.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
