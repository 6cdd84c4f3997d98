"""The landmark model that the project carries, verified before it is used."""

from __future__ import annotations

import hashlib
from pathlib import Path

# MediaPipe's face_landmarker.task, float16, 3,758,596 bytes, Apache-2.0 (see NOTICE). MediaPipe's own wheel has none.
LANDMARK_MODEL_SHA256 = "64184e229b263107bc2b804c6625db1341ff2bb731874b0bcc2fe6544e0bc9ff"
LANDMARK_MODEL_FILE = Path(__file__).with_name("face_landmarker.task")


def find_landmark_model(override: Path | None = None) -> Path:
    """Path of the verified landmark model: `override`, or the file that lies beside this module.

    Raises:
        FileNotFoundError: no such file.
        ValueError: the file's SHA-256 is not LANDMARK_MODEL_SHA256.
    """
    path = LANDMARK_MODEL_FILE if override is None else override
    if not path.is_file():
        cure = (
            "the checkout or installation is incomplete; install the project again or name a face_landmarker.task file"
            if override is None
            else "correct the setting or leave it out"
        )
        raise FileNotFoundError(f"landmark model {path} does not exist; {cure}")
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    if digest != LANDMARK_MODEL_SHA256:
        raise ValueError(
            f"landmark model {path} has SHA-256 {digest}, expected {LANDMARK_MODEL_SHA256}: "
            "models were trained on the landmarks of exactly that file"
        )
    return path
