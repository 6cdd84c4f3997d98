"""A running service with bundles of ours, and what it answers."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from model_training.errors import TrainingError

READY_TIMEOUT_S = 60.0


@contextmanager
def served(models: Path, log: Path) -> Iterator[str]:
    """A running service with these bundles on a free port; its log is kept, the process is ended in any case."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = {
        **os.environ,
        "HTNET_HOST": "127.0.0.1",
        "HTNET_PORT": str(port),
        "HTNET_MODELS_DIR": str(models.resolve()),
    }
    url = f"http://127.0.0.1:{port}"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "service"], env=environment, stdout=output, stderr=subprocess.STDOUT
        )
        try:
            _wait_until_ready(process, url, log)
            yield url
        finally:
            process.terminate()
            try:
                process.wait(timeout=20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _wait_until_ready(process: subprocess.Popen[bytes], url: str, log: Path) -> None:
    until = time.monotonic() + READY_TIMEOUT_S
    while time.monotonic() < until:
        if process.poll() is not None:
            break
        try:
            with urllib.request.urlopen(f"{url}/readyz", timeout=5):  # noqa: S310 - our own service on this machine
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.2)
    tail = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()[-5:]
    raise TrainingError("the service did not become ready; its log ends with:\n" + "\n".join(tail))


def post_files(url: str, files: Mapping[str, Path]) -> dict[str, Any]:
    """The answer to files sent by name, or {"code": ...} of its problem document."""
    boundary = "htnet-clinical-demo"
    body = b""
    for name, path in files.items():
        head = (
            f"--{boundary}",
            f'Content-Disposition: form-data; name="{name}"; filename="photo"',
            "Content-Type: application/octet-stream",
            "\r\n",
        )
        body += "\r\n".join(head).encode() + path.read_bytes() + b"\r\n"
    body += f"--{boundary}--\r\n".encode()
    headers = {"Content-Type": f"multipart/form-data; boundary={boundary}"}
    request = urllib.request.Request(url, data=body, headers=headers)  # noqa: S310 - our own service on this machine
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310
            answered: dict[str, Any] = json.load(answer)
            return answered
    except urllib.error.HTTPError as error:
        return {"code": json.load(error).get("code", f"status {error.code}")}
