"""Mutated files, each made from a sound one with its own seed: pictures, DICOM files and clips. No 5xx and no crash."""

from __future__ import annotations

import os
import random
import threading
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
import tritonclient.http as triton

from tests import factories
from tests.clip_factory import h264_clip, webm_clip
from tests.dicom_factory import SECONDARY_CAPTURE, dicom
from tests.ops.live_service import GRADE, LiveService, live_service, write_figures
from tests.service.clips.test_decoding import decoders

pytestmark = pytest.mark.slow

PICTURES = int(os.environ.get("HTNET_PROOF_PICTURES", "10000"))
DICOM_FILES = int(os.environ.get("HTNET_PROOF_DICOM_FILES", "2500"))
INFERENCES = int(os.environ.get("HTNET_PROOF_INFERENCES", "2500"))
CLIPS = int(os.environ.get("HTNET_PROOF_CLIPS", "2500"))
VIDEO = "/v1/palsy/video"
CLIENTS = 2


def mutate(data: bytes, generator: random.Random) -> bytes:
    """Bytes changed, cut, doubled, moved, or written over; more often near the head, where the sizes are."""
    mutant = bytearray(data)
    for _ in range(generator.choice((1, 1, 2, 4, 16, 64))):
        size = len(mutant)
        at = generator.randrange(min(size, 200)) if generator.random() < 0.5 else generator.randrange(size)
        length = generator.randrange(1, 64)
        kind = generator.randrange(6)
        if kind == 0:
            mutant[at] ^= 1 << generator.randrange(8)
        elif kind == 1:
            mutant[at] = generator.choice((0, 1, 0x7F, 0x80, 0xFF))
        elif kind == 2:
            del mutant[at : at + length]
        elif kind == 3:
            mutant[at:at] = generator.randbytes(length)
        elif kind == 4:
            mutant[at:at] = mutant[at : at + length]
        else:
            del mutant[max(at, 16) :]
        if len(mutant) < 2:
            return bytes(mutant) or b"\x00"
    return bytes(mutant)


Send = Callable[[httpx.Client, bytes], httpx.Response]


def upload(path: str, field: str, **query: Any) -> Send:
    """As a part of a form."""
    return lambda client, data: client.post(path, params=query, files={field: data})


def ask_all(live: LiveService, send: Send, originals: Sequence[bytes], count: int, *, name: str, kept: int = 0) -> None:
    """Mutant i is made from original i modulo their number with the seed i; figures go to ``name``. kept: bytes at the
    beginning that stay as they are, so that it goes on being a file of its kind."""
    statuses: Counter[int] = Counter()
    failures: list[tuple[int, int]] = []
    lock = threading.Lock()
    numbers = iter(range(count))
    pids = [worker.pid for worker in live.workers()]

    def ask() -> None:
        with httpx.Client(base_url=live.url, timeout=150) as client:
            while True:
                with lock:
                    number = next(numbers, None)
                if number is None:
                    return
                original = originals[number % len(originals)]
                answer = send(client, original[:kept] + mutate(original[kept:], random.Random(number)))
                with lock:
                    statuses[answer.status_code] += 1
                    if answer.status_code >= 500:
                        failures.append((number, answer.status_code))

    threads = [threading.Thread(target=ask) for _ in range(CLIENTS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert live.process.poll() is None, "the service crashed"
    assert [worker.pid for worker in live.workers()] == pids
    write_figures(
        name,
        {
            "files": sum(statuses.values()),
            "originals": len(originals),
            "statuses": {str(status): number for status, number in sorted(statuses.items())},
            "server_errors": failures[:20],
        },
    )
    assert sum(statuses.values()) == count
    assert not failures


@pytest.fixture
def live(tmp_path: Path, tiny_models: Path) -> Any:
    with live_service(tmp_path, tiny_models, running_max=2, queue_max=8, log_level="warning") as live:
        yield live


@pytest.fixture(scope="module")
def face() -> np.ndarray:
    """(256, 256, 3) uint8 RGB."""
    return np.ascontiguousarray(factories.astronaut()[0:256, 96:352])


def test_no_picture_causes_a_server_error(live: LiveService, face: np.ndarray) -> None:
    originals = [factories.encode(face, kind) for kind in ("jpeg", "png", "webp", "tiff")]
    ask_all(live, upload(GRADE, "image", heatmap=False), originals, PICTURES, name="mutated-images")


def test_no_dicom_file_causes_a_server_error(live: LiveService, face: np.ndarray) -> None:
    originals = [
        dicom(factories.jpeg(face), size=(256, 256)),
        dicom(face, sop_class=SECONDARY_CAPTURE),
        dicom(np.ascontiguousarray(face[..., 1])),
    ]
    # The preamble and the mark behind it are 132 bytes.
    ask_all(live, upload(GRADE, "image", heatmap=False), originals, DICOM_FILES, name="mutated-dicom", kept=132)


def test_no_clip_causes_a_server_error_and_no_decoder_is_left(
    live: LiveService, face: np.ndarray, tmp_path: Path
) -> None:
    frames = [np.roll(face, shift, axis=1)[:192, 32:224] for shift in (0, 1, 2, 2, 1, 0)]
    frames = [np.ascontiguousarray(frame) for frame in frames]
    originals = [h264_clip(frames), webm_clip(tmp_path, frames), webm_clip(tmp_path, frames, coding="VP90")]
    ask_all(live, upload(VIDEO, "clip"), originals, CLIPS, name="mutated-clips")
    assert decoders() == []


@pytest.mark.parametrize("model", ["palsy", "tiny"])
def test_no_inference_causes_a_server_error(live: LiveService, face: np.ndarray, model: str) -> None:
    """Bodies as Triton's client makes them: JSON, and behind it the tensors as bytes; a header says where."""
    tensors: dict[str, np.ndarray] = {
        "palsy": {"image": np.array([factories.jpeg(face)], np.object_)},
        "tiny": {"images": np.zeros((1, 1, 224, 224), np.uint8), "landmarks": np.zeros((1, 478, 3), np.float32)},
    }[model]
    body, size = body_of(**tensors)

    def send(client: httpx.Client, data: bytes) -> httpx.Response:
        headers = {"Inference-Header-Content-Length": str(size)}
        return client.post(f"/v2/models/{model}/infer", content=data, headers=headers)

    with httpx.Client(base_url=live.url, timeout=60) as client:
        assert send(client, body).status_code == 200
    ask_all(live, send, [body], INFERENCES // 2, name=f"mutated-inferences-{model}")


def body_of(**tensors: np.ndarray) -> tuple[bytes, int]:
    """(body, bytes of it that are JSON)."""
    inputs = []
    for name, values in tensors.items():
        datatype = {"O": "BYTES", "u": "UINT8", "f": "FP32"}[values.dtype.kind]
        inputs.append(triton.InferInput(name, list(values.shape), datatype))
        inputs[-1].set_data_from_numpy(values)
    body, size = triton.InferenceServerClient.generate_request_body(inputs)
    return body, int(size)
