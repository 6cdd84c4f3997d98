"""What a clip costs in CPU: its header, its decoder, the look at each picture.

python -m tests.bench.clip_decoding CLIP...
"""

from __future__ import annotations

import resource
import sys
import time
from contextlib import closing
from pathlib import Path

from face.clip.limits import ClipLimits
from face.clip.looks import follow_face
from face.landmarks.landmarker import FaceLandmarker
from service.analysis.palsy_clip import FOLLOWED_AT_PX
from service.clips.decoding import Clip, ClipDecoder


def _children_cpu_s() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def main(paths: list[str]) -> None:
    print("| clip | coding | pictures | header ms | decoded /s CPU | looked at /s CPU | with a face |")
    print("|---|---|---|---|---|---|---|")
    with FaceLandmarker() as landmarker:
        for path in map(Path, paths):
            data = path.read_bytes()
            started = time.process_time()
            clip = Clip.of(data, limits=ClipLimits())
            header_s = time.process_time() - started
            before = _children_cpu_s()
            with closing(ClipDecoder().frames(clip, longer_side_px=FOLLOWED_AT_PX)) as frames:
                kept = list(frames)
            decoded_s = _children_cpu_s() - before
            started = time.process_time()
            faces = list(follow_face(kept, landmarker, policy="largest"))
            looked_s = time.process_time() - started
            width, height = clip.header.upright_size
            print(
                f"| {path.name} | {clip.header.codec} {width}x{height} | {len(kept)} | {1000 * header_s:.1f} "
                f"| {len(kept) / decoded_s:.0f} | {len(kept) / looked_s:.0f} "
                f"| {sum(one.face is not None for one in faces) / len(faces):.2f} |"
            )
    print(f"The largest decoder took {resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1000} MB.")


if __name__ == "__main__":
    main(sys.argv[1:])
