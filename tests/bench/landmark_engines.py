"""How near this package's own run of the landmark networks comes to MediaPipe's graph, and what both cost.

    python -m tests.bench.landmark_engines FOLDER [FOLDER ...]

Every photograph of the folders is looked at by both engines, once and both ways, in turns. Distances are in pixels of a
face whose eyes are 96 px apart. Then each photograph is turned by 90, 180 and 270 degrees: does it come out upright?
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import numpy as np

from face.errors import NoFace, PreprocessingError
from face.frame.quality import head_angles
from face.image.decode import decode_image
from face.image.files import list_images
from face.landmarks.landmarker import FaceLandmarker
from face.landmarks.mediapipe_reference.landmarker import MediapipeLandmarker

EYES_PX = 96
ResultT = TypeVar("ResultT")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", nargs="+", type=Path)
    pictures = []
    for path in list_images(parser.parse_args().folder):
        try:
            pictures.append((path, decode_image(path.read_bytes(), longer_side_px=1000).rgb))
        except PreprocessingError as error:
            print(f"{path.name}: {error}")
    with FaceLandmarker() as own, MediapipeLandmarker() as mediapipe:
        compare(pictures, own, mediapipe)
        turn(pictures, own)


def compare(pictures: list[tuple[Path, np.ndarray]], own: FaceLandmarker, mediapipe: MediapipeLandmarker) -> None:
    one_look, both_looks, angles = [], [], []
    cpu_ms: dict[str, list[float]] = {"own": [], "mediapipe": []}
    counted_alike = 0
    for _, rgb in pictures:
        ours, theirs = own.detect(rgb), mediapipe.detect(rgb)
        counted_alike += len(ours) == len(theirs)
        if not (len(ours) == len(theirs) == 1):
            continue
        one_look.append(distances(ours[0].points, theirs[0].points, theirs[0].interocular_px))
        angles.append(np.abs(np.subtract(head_angles(ours[0].pose), head_angles(theirs[0].pose))))
        our, spent = timed(lambda rgb=rgb: own.look(rgb, policy="largest", both_ways=True))
        cpu_ms["own"].append(spent)
        their, spent = timed(lambda rgb=rgb: mediapipe.look(rgb, policy="largest", both_ways=True))
        cpu_ms["mediapipe"].append(spent)
        both_looks.append(distances(our.face.points, their.face.points, their.face.interocular_px))
    print(f"{len(pictures)} pictures, as many faces found in {counted_alike}; compared: {len(one_look)} with one face")
    for name, found in (("one look", np.array(one_look)), ("mean of both looks", np.array(both_looks))):
        print(f"{name}: mean {found.mean():.3f} px, 99th percentile of the points {np.percentile(found, 99):.2f} px")
    yaw, pitch, roll = np.percentile(np.array(angles), 99, axis=0)
    print(f"angles of one look, 99th percentile of the difference: {yaw:.2f}, {pitch:.2f}, {roll:.2f} degrees")
    for name, values in cpu_ms.items():
        print(f"both looks, {name}: median {np.median(values):.1f} ms CPU")


def turn(pictures: list[tuple[Path, np.ndarray]], own: FaceLandmarker) -> None:
    upright, asked = 0, 0
    for path, rgb in pictures:
        for turns in range(4):
            try:
                look = own.look(np.ascontiguousarray(np.rot90(rgb, turns)), policy="largest", both_ways=True)
            except NoFace:
                continue
            asked += 1
            upright += look.quarter_turns == -turns % 4
            if look.quarter_turns != -turns % 4:
                print(f"{path.name} turned by {90 * turns} degrees comes out turned by {90 * look.quarter_turns}")
    print(f"turned pictures that come out upright: {upright} of {asked}")


def distances(points: np.ndarray, reference: np.ndarray, eyes_px: float) -> np.ndarray:
    return np.linalg.norm((points - reference)[:, :2], axis=1) * EYES_PX / eyes_px


def timed(work: Callable[[], ResultT]) -> tuple[ResultT, float]:
    begun = time.process_time()
    return work(), (time.process_time() - begun) * 1e3


if __name__ == "__main__":
    main()
