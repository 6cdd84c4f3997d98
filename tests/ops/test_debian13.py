"""The two commands of the README on a bare Debian 13 (Python 3.13), in a root made of Debian's packages.

Needs root and debootstrap (the Debian package of that name), and fetches some gigabytes: torch for Python 3.13 may be
a CUDA build. Packages of Debian come from HTNET_TEST_DEBIAN_MIRROR or from debootstrap's own choice, those of Python
from where this machine's pip takes them.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from tests.ops.live_service import GRADE, ROOT, LiveService, free_port, wait_until_ready
from tests.ops.test_wheel import tracked

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(os.geteuid() != 0, reason="making a Debian root needs root"),
    pytest.mark.skipif(shutil.which("debootstrap") is None, reason="debootstrap is not installed"),
]

# Where Debian's packages come from; empty: where debootstrap takes them by itself.
MIRROR = os.environ.get("HTNET_TEST_DEBIAN_MIRROR", "")
# What a reader of the README has: make and a Python. The rest the targets must see to.
PACKAGES = "python3,make,ca-certificates"
CERTIFICATES = "/etc/ssl/certs/ca-certificates.crt"
# Until its packages are there and it has started.
READY_WITHIN_S = 1200


@dataclass(frozen=True)
class Debian:
    root: Path

    def command(self, line: str) -> list[str]:
        """`line` in the checkout inside the root. /proc and /sys are mounted in a namespace that ends with the command,
        and so does every process in it. MediaPipe counts the processors in /sys.
        """
        inside = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/root", "LANG": "C.UTF-8"}
        inside |= {name: value for name, value in os.environ.items() if name.startswith("PIP_")}
        variables = [f"{name}={value}" for name, value in inside.items()]
        mounts = 'mount -t proc proc "$0/proc" && mount --rbind /sys "$0/sys" && exec chroot "$0" "$@"'
        return [
            "unshare", "--mount", "--pid", "--fork", "--kill-child", "bash", "-c", mounts, str(self.root),
            "env", "-i", *variables, "bash", "-c", f"cd /htnet-clinical && exec {line}",
        ]  # fmt: skip

    def run(self, line: str) -> str:
        done = subprocess.run(self.command(line), capture_output=True, text=True, check=False, timeout=3000)
        assert done.returncode == 0, f"{line}:\n{done.stdout[-6000:]}\n{done.stderr[-6000:]}"
        return done.stdout


@pytest.fixture(scope="module")
def debian(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Debian]:
    """With this machine's certificates and pip's configuration: how packages are reached is not what is tested."""
    root = tmp_path_factory.mktemp("debian") / "root"
    make = [
        "debootstrap",
        "--variant=minbase",
        f"--include={PACKAGES}",
        "trixie",
        str(root),
        *([MIRROR] if MIRROR else []),
    ]
    done = subprocess.run(make, capture_output=True, text=True, check=False, timeout=1200)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    pip_settings = [Path("/etc/pip.conf"), *(Path.home() / name for name in (".config/pip/pip.conf", ".pip/pip.conf"))]
    for path in (Path(CERTIFICATES), Path("/etc/resolv.conf"), Path("/etc/hosts"), *pip_settings):
        if path.is_file():
            inside = Path("root") / path.relative_to(Path.home()) if path.is_relative_to(Path.home()) else path
            target = root / inside.as_posix().lstrip("/")
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, target)
    for name in tracked():
        target = root / "htnet-clinical" / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, target)
    yield Debian(root)
    shutil.rmtree(root, ignore_errors=True)


def test_make_serve_sets_up_and_grades(debian: Debian, astronaut_jpeg: bytes, tmp_path: Path) -> None:
    port, log = free_port(), tmp_path / "serve.log"
    with log.open("wb") as file:
        process = subprocess.Popen(debian.command(f"make serve PORT={port}"), stdout=file, stderr=file)
        try:
            service = LiveService(process=process, port=port, log=log)
            wait_until_ready(service, READY_WITHIN_S)
            answer = httpx.post(service.url + GRADE, files={"image": astronaut_jpeg}, timeout=60)
            assert answer.status_code == 200, answer.text
            assert answer.json()["grade"]["house_brackmann"] in ("I", "II", "III", "IV", "V", "VI")
            assert service.get("/").status_code == service.get("/docs").status_code == 200
        finally:
            process.kill()  # unshare keeps SIGTERM to itself
            process.wait(60)
    assert debian.run(".venv/bin/python -V").startswith("Python 3.13.")


def test_make_test_passes_for_the_ground_and_the_api(debian: Debian) -> None:
    said = debian.run("make test ARGS='tests/face tests/service'")
    assert " passed" in said
