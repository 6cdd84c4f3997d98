"""Writes face/landmarks/mirror_table.py: which landmark is whose partner on the other half of the face.

The landmark model carries MediaPipe's canonical face (468 vertices, exactly symmetric about x = 0) in its geometry
metadata, so the partner of a vertex is the vertex at (-x, y, z). The ten iris points (468-477) are not part of that
mesh; their partners follow from their order: centre, then four points on the rim, where nasal mirrors nasal and
temporal mirrors temporal.

Run from the repository root: python -m tests.face.landmarks.make_landmark_mirror
"""

from __future__ import annotations

import struct
import zipfile
from pathlib import Path

import numpy as np
from scipy.optimize import linear_sum_assignment

from face.landmarks.model_file import find_landmark_model

TARGET = Path("face/landmarks/mirror_table.py")
IRIS_PAIRS = ((468, 473), (469, 476), (470, 475), (471, 474), (472, 477))
HEADER = '''"""Partners of the 478 landmarks on the other half of the face: (patient's right, patient's left) pairs.

Written by tests/face/landmarks/make_landmark_mirror.py from the canonical face inside the landmark model; a
landmark that is in no pair lies on the midline.
"""

# fmt: off
LANDMARK_PAIRS: tuple[tuple[int, int], ...] = (
'''


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[at]
        value |= (byte & 127) << shift
        at, shift = at + 1, shift + 7
        if byte < 128:
            return value, at


def _fields(message: bytes) -> list[tuple[int, bytes]]:
    """(field number, raw value) of a protocol buffer message; variable-length integers are left out."""
    found, at = [], 0
    while at < len(message):
        key, at = _varint(message, at)
        if key & 7 == 0:
            _, at = _varint(message, at)
        elif key & 7 == 5:
            found.append((key >> 3, message[at : at + 4]))
            at += 4
        else:
            length, at = _varint(message, at)
            found.append((key >> 3, message[at : at + length]))
            at += length
    return found


def canonical_vertices() -> np.ndarray:
    """(468, 3) float64, x towards the patient's left."""
    with zipfile.ZipFile(find_landmark_model()) as bundle:
        metadata = bundle.read("geometry_pipeline_metadata_landmarks.binarypb")
    mesh = next(value for number, value in _fields(metadata) if number == 1)
    floats = [struct.unpack("<f", value)[0] for number, value in _fields(mesh) if number == 3]
    return np.array(floats).reshape(468, 5)[:, :3]  # x, y, z, u, v


def landmark_pairs() -> list[tuple[int, int]]:
    vertices = canonical_vertices()
    distance = np.linalg.norm(vertices[:, None] - (vertices * [-1, 1, 1])[None], axis=-1)
    partner = linear_sum_assignment(distance)[1]
    if distance[np.arange(468), partner].max() > 1e-6:
        raise ValueError("the canonical face is not symmetric")
    pairs = [(right, int(left)) for right, left in enumerate(partner) if vertices[right, 0] < 0]
    return sorted([*pairs, *IRIS_PAIRS])


def main() -> None:
    pairs = landmark_pairs()
    rows = [pairs[at : at + 8] for at in range(0, len(pairs), 8)]
    body = "".join("    " + " ".join(f"({right}, {left})," for right, left in row) + "\n" for row in rows)
    TARGET.write_text(HEADER + body + ")\n# fmt: on\n", encoding="utf-8")


if __name__ == "__main__":
    main()
