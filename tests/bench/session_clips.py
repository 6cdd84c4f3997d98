"""Clips of simulated examinations, judged against what was simulated: are the movements found where and as what they
are, and is the grade that of the pictures?

python -m tests.bench.session_clips --ffmpeg FFMPEG [--regions differ] [--people 10] [--first 0] [--seed 4310] [--out F]

FFMPEG: a program with the encoder libx264; OpenCV has none. Each clip has the seven movements one after the other at 25
pictures a second, with rest between them, a head that sways, and the noise of a sensor new in every picture. Of each
movement's way, nine steps are rendered.
"""

from __future__ import annotations

import argparse
import json
import subprocess
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import cv2
import numpy as np

from face.clip.limits import ClipLimits
from face.errors import PreprocessingError
from face.image.limits import ImageLimits
from face.landmarks.landmarker import FaceLandmarker
from face.palsy.assessment.measuring.movement import same_movement
from face.palsy.assessment.session_model import SessionModel
from face.photograph import PhotographReader
from face.vocabulary import HOUSE_BRACKMANN, POSES, Pose
from model_training.simulator.head.head import Head
from model_training.simulator.render.renderer import Renderer
from model_training.simulator.sensor import encode_jpeg, expose, sample_background
from model_training.simulator.sessions.palsies import sample_session_palsy
from model_training.simulator.sessions.visit import IRIS_MM, visit_shots
from model_training.simulator.shot import Shot, sample_subject
from service.analysis.assessment import SessionAnalysis, assess_session
from service.analysis.models import load_models
from service.analysis.palsy import PalsyAnalyzer
from service.analysis.palsy_clip import ClipAnalysis, assess_clip
from service.clips.decoding import Clip, ClipDecoder
from tests.face.clip.curves.simulated import unit_movement

MODELS = Path(__file__).parents[2] / "models"
PER_S, STEPS, SIZE_PX = 25.0, 8, 512
SENSOR_NOISE = 3.0
APEX_WITHIN_S = 0.2


@dataclass(frozen=True)
class Made:
    """What a clip holds: when a movement is full, and when it begins and ends."""

    pose: Pose
    start_s: float
    full_from_s: float
    full_to_s: float
    end_s: float


@dataclass
class Outcome:
    session: str
    truth: str
    by_pictures: str
    by_clip: str
    movements: int
    named: int = 0
    in_time: int = 0
    both: int = 0
    apex_off_s: float = 0.0
    invented: int = 0
    refused: str = ""


def plan(rng: np.random.Generator) -> list[Made]:
    at, made = float(rng.uniform(1.0, 1.8)), list[Made]()
    for pose in rng.permutation([pose for pose in POSES if pose != "rest"]):
        rise, hold, fall, rest = rng.uniform([0.3, 0.4, 0.3, 0.8], [0.7, 1.2, 0.7, 1.6])
        full = at + rise
        times = (float(value) for value in (at, full, full + hold, full + hold + fall))
        made.append(Made(str(pose), *times))  # type: ignore[arg-type]  # of POSES
        at = made[-1].end_s + rest
    return made


def frames_of(renderer: Renderer, shots: dict[str, Shot], made: list[Made], *, seed: list[int]) -> Iterator[np.ndarray]:
    rest, rng = shots["rest"], np.random.default_rng(seed)
    background = sample_background(np.random.default_rng([*seed, 1]), SIZE_PX)
    drawn: dict[tuple[str, int], np.ndarray] = {}

    def draw(pose: str, step: int) -> np.ndarray:
        if (pose, step) not in drawn:
            share, shot = step / STEPS, shots[pose]
            vertices = rest.vertices + share * (shot.vertices - rest.vertices)
            look = shot.look if 2 * step > STEPS else replace(shot.look, creases=rest.look.creases)
            picture = renderer.render(vertices, look, rest.camera, background)
            drawn[pose, step] = expose(picture, np.random.default_rng([*seed, 2]))
        return drawn[pose, step]

    times = np.arange(0, made[-1].end_s + 1.0, 1 / PER_S)
    sway = rng.uniform(0.1, 0.4, 3), rng.uniform(0, 6, 3), rng.uniform([1, 1, 0.3], [5, 5, 1.2])
    for time_s in times:
        pose, level = "rest", 0.0
        for one in made:
            if one.start_s <= time_s <= one.end_s:
                pose = one.pose
                level = float(
                    unit_movement(
                        np.array([time_s]),
                        start_s=one.start_s,
                        rise_s=one.full_from_s - one.start_s,
                        hold_s=one.full_to_s - one.full_from_s,
                        fall_s=one.end_s - one.full_to_s,
                    )[0]
                )
        step = round(STEPS * level)
        x, y, turn = sway[2] * np.sin(6.28 * sway[0] * time_s + sway[1])
        moved = cv2.getRotationMatrix2D((SIZE_PX / 2, SIZE_PX / 2), float(turn), 1.0)
        moved[:, 2] += x, y
        picture = cv2.warpAffine(
            draw(pose if step else "rest", step), moved, (SIZE_PX, SIZE_PX), borderMode=cv2.BORDER_REPLICATE
        )
        noise = SENSOR_NOISE * rng.standard_normal(picture.shape, np.float32)
        yield np.clip(picture + noise, 0, 255).astype(np.uint8)


def encoded(frames: Iterator[np.ndarray], ffmpeg: str, *, options: tuple[str, ...] = ()) -> bytes:
    """H.264 in MP4; the index lies first, so that a pipe can hold it."""
    command = [
        ffmpeg, "-v", "error", "-f", "rawvideo", "-pix_fmt", "rgb24", "-s", f"{SIZE_PX}x{SIZE_PX}", "-r", f"{PER_S:g}",
        "-i", "-", *options, "-c:v", "libx264", "-preset", "veryfast", "-crf", "25", "-pix_fmt", "yuv420p",
        "-movflags", "frag_keyframe+empty_moov", "-f", "mp4", "-",
    ]  # fmt: skip
    done = subprocess.run(command, input=b"".join(frame.tobytes() for frame in frames), capture_output=True, check=True)
    return done.stdout


def judge(found: ClipAnalysis, made: list[Made], outcome: Outcome) -> None:
    chosen = {id(movement): pose for pose, movement in found.examination.chosen.items()}
    segments = [(chosen.get(id(one), one.channel), one) for one in found.examination.movements]
    used: set[int] = set()
    for truth in made:
        overlaps = [
            (min(one.end_s, truth.end_s) - max(one.start_s, truth.start_s), place)
            for place, (_, one) in enumerate(segments)
        ]
        shared, place = max(overlaps, default=(0.0, -1))
        if shared <= 0:
            continue
        used.add(place)
        pose, one = segments[place]
        off = max(0.0, truth.full_from_s - one.apex_s, one.apex_s - truth.full_to_s)
        named, in_time = same_movement(pose, truth.pose), bool(off <= APEX_WITHIN_S)  # type: ignore[arg-type]  # a pose
        outcome.named += int(named)
        outcome.in_time += int(in_time)
        outcome.both += int(named and in_time)
        outcome.apex_off_s = max(outcome.apex_off_s, off)
    outcome.invented = len(segments) - len(used)


def grade_of(analysis: SessionAnalysis) -> str:
    grade = analysis.examination.grade
    return "none" if grade is None else HOUSE_BRACKMANN[grade.index]


def run(
    analyzer: PalsyAnalyzer, examining: SessionModel, landmarker: FaceLandmarker, arguments: argparse.Namespace
) -> list[Outcome]:
    head, outcomes = Head.load(), []
    with Renderer(head, size_px=SIZE_PX) as renderer:
        for person in range(arguments.first, arguments.first + arguments.people):
            seed = [arguments.seed, person]
            subject = sample_subject(head, np.random.default_rng(seed))
            palsy, pattern = sample_session_palsy(arguments.regions, np.random.default_rng([*seed, 1]))
            shots = {
                str(shot.pose.name): shot
                for shot in visit_shots(head, subject, palsy, iris_mm=IRIS_MM, seed=[*seed, 2])
            }
            made = plan(np.random.default_rng([*seed, 3]))
            pictures: dict[Pose, bytes] = {}
            for pose in POSES:
                room = np.random.default_rng([*seed, 4])
                shot = shots[pose]
                drawn = renderer.render(shot.vertices, shot.look, shot.camera, sample_background(room, SIZE_PX))
                pictures[pose] = encode_jpeg(expose(drawn, room), 90)
            by_pictures = grade_of(assess_session(analyzer, pictures, model=examining))
            data = encoded(frames_of(renderer, shots, made, seed=[*seed, 5]), arguments.ffmpeg)
            outcome = Outcome(
                f"{person}-{pattern}", HOUSE_BRACKMANN[palsy.grade - 1], by_pictures, "refused", len(made)
            )
            try:
                found = assess_clip(
                    Clip.of(data, limits=ClipLimits()), analyzer, ClipDecoder(), landmarker, model=examining
                )
                outcome.by_clip = grade_of(found.session)
                judge(found, made, outcome)
            except PreprocessingError as error:
                outcome.refused = error.message
            outcomes.append(outcome)
            print(json.dumps(asdict(outcome)), flush=True)
    return outcomes


def summary(outcomes: list[Outcome]) -> dict[str, float]:
    movements = sum(one.movements for one in outcomes)
    return {
        "clips": len(outcomes),
        "movements": movements,
        "named": sum(one.named for one in outcomes) / movements,
        "apex_in_time": sum(one.in_time for one in outcomes) / movements,
        "both": sum(one.both for one in outcomes) / movements,
        "invented_a_clip": sum(one.invented for one in outcomes) / len(outcomes),
        "grade_as_from_pictures": sum(one.by_clip == one.by_pictures for one in outcomes) / len(outcomes),
        "grade_is_the_truth_by_clip": sum(one.by_clip == one.truth for one in outcomes) / len(outcomes),
        "grade_is_the_truth_by_pictures": sum(one.by_pictures == one.truth for one in outcomes) / len(outcomes),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ffmpeg", required=True)
    parser.add_argument("--regions", default="differ", choices=("alike", "differ", "healthy"))
    parser.add_argument("--people", type=int, default=10)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--seed", type=int, default=4310)
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    reader = PhotographReader(limits=ImageLimits())
    models = load_models(MODELS, reader, provider="cpu", variant=None, threads=1, overlay_max_side_px=512)
    assert models.palsy is not None
    assert models.palsy_session is not None
    with FaceLandmarker() as landmarker:
        outcomes = run(models.palsy.analyzer, models.palsy_session.analyzer.model, landmarker, arguments)
    figures = summary(outcomes)
    print(json.dumps(figures, indent=1))
    if arguments.out:
        text = {"arguments": {**vars(arguments), "ffmpeg": "", "out": ""}, "summary": figures}
        arguments.out.write_text(json.dumps({**text, "clips": [asdict(one) for one in outcomes]}, indent=1) + "\n")


if __name__ == "__main__":
    main()
