"""The landmark model's two networks by ONNX Runtime, on a GPU in batches over all requests at once.

The graphs are made by `export/landmark_graphs.py` from the very file that `face.landmarks` runs by LiteRT, with the
same weights. On a CPU core LiteRT is three times as fast, so this is for the GPU.
"""

from __future__ import annotations

import hashlib
from concurrent.futures import Future
from pathlib import Path

import numpy as np

from face.landmarks.networks import FloatArray
from service.inference.batching import BatchingSession
from service.inference.errors import BundleError
from service.inference.session import Array, InferenceSession, Provider, Session

FOLDER = Path(__file__).parent / "landmark_graphs"
SHA256 = {
    "face_detector": "c35a4e7dcafd46645178a229cc401cc2cc82854f9f9b32a30c82dc5f3a2147a7",
    "face_landmarks_detector": "66f9402d29c6d7679896792d6136a114de5842fc01155f84df4520b131903b6c",
}
# Points are read to a tenth of a pixel: TensorFloat-32 has 10 bits. Batches have many sizes: trying out every
# convolution's algorithms for each would take longer than it saves.
_ON_A_GPU = {"use_tf32": "0", "cudnn_conv_algo_search": "HEURISTIC"}


class LandmarkGraphs:
    """`FaceNetworks` that many threads share.

    batch_max: pictures in a batch, whoever's they are; 1 = every call for itself. Raises BundleError for a graph
    that is not the one this code was written for, and ProviderUnavailable.
    """

    def __init__(
        self, *, provider: Provider = "cpu", threads: int = 1, batch_max: int = 1, folder: Path = FOLDER
    ) -> None:
        sessions = [
            InferenceSession(
                _verified(folder / f"{name}.onnx", sha256),
                provider=provider,
                threads=threads,
                provider_options=_ON_A_GPU if provider == "cuda" else None,
            )
            for name, sha256 in SHA256.items()
        ]
        self._detector, self._landmarks = (
            BatchingSession(session, batch_max=batch_max) if batch_max > 1 else session for session in sessions
        )

    def detect(self, pictures: FloatArray) -> tuple[FloatArray, FloatArray]:
        """As `FaceNetworks.detect`."""
        found = _run(self._detector, pictures)
        return found["boxes"], found["logits"][..., 0]

    def landmarks(self, crops: FloatArray) -> tuple[FloatArray, FloatArray]:
        """As `FaceNetworks.landmarks`."""
        found = _run(self._landmarks, crops)
        return found["points"].reshape(len(crops), -1, 3), found["logits"].reshape(len(crops))

    def close(self) -> None:
        """Stop the batches; safe to call twice."""
        for session in (self._detector, self._landmarks):
            if isinstance(session, BatchingSession):
                session.close()


def _run(session: Session, pictures: FloatArray) -> dict[str, Array]:
    if not isinstance(session, BatchingSession):
        return session.run({"pictures": pictures})
    waiting: list[Future[dict[str, Array]]] = [session.submit({"pictures": picture[None]}) for picture in pictures]
    answers = [answer.result() for answer in waiting]
    return {name: np.concatenate([answer[name] for answer in answers]) for name in answers[0]}


def _verified(path: Path, sha256: str) -> bytes:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise BundleError(path, f"the landmark graph cannot be read ({error}); install the project again") from error
    found = hashlib.sha256(data).hexdigest()
    if found != sha256:
        raise BundleError(path, f"the landmark graph has SHA-256 {found}, expected {sha256}; install the project again")
    return data
