"""`htnet serve`, `htnet audit` and `htnet key` against what `python -m service...` does."""

from __future__ import annotations

import csv
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest
from typer.testing import CliRunner

from face.version import VERSION
from htnet.commands import app
from service.security.api_keys import KeyRing
from service.server import launch

BUNDLE = Path(__file__).parents[2] / "models/microexpression"


def test_options_win_over_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[launch.Settings] = []
    monkeypatch.setattr(launch, "main", lambda: seen.append(launch.load_settings()))
    monkeypatch.setattr(os, "environ", {**os.environ, "HTNET_PORT": "1", "HTNET_WORKERS": "3", "HTNET_DRAIN_S": "7"})
    arguments = ["serve", "--models", "elsewhere", "--host", "localhost", "--port", "8443"]
    result = CliRunner().invoke(app, arguments, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    (settings,) = seen
    assert (settings.models_dir, settings.host, settings.port) == (Path("elsewhere"), "localhost", 8443)
    assert (settings.workers, settings.drain_s) == (3, 7)


def htnet(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "htnet", *arguments],
        capture_output=True,
        text=True,
        env={**os.environ, **environment},
        check=False,
    )


def test_a_service_that_cannot_start_says_why_and_ends_with_its_own_status() -> None:
    done = htnet("serve", "--port", "99999")
    assert done.returncode == launch.STARTUP_FAILED
    assert done.stderr.startswith("HTNET_PORT=99999: ")
    open_to_all = htnet("serve", "--host", "0.0.0.0")  # noqa: S104 - refused without keys
    assert open_to_all.returncode == launch.STARTUP_FAILED
    assert "HTNET_HOST=0.0.0.0 can be reached from other machines" in open_to_all.stderr


def test_the_options_reach_every_worker(tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = {**os.environ, "HTNET_AUDIT_URL": "", "HTNET_MODELS_DIR": str(tmp_path), "HTNET_PORT": "1"}
    command = ["serve", "--models", str(BUNDLE), "--port", str(port), "--workers", "2"]
    with subprocess.Popen(
        [sys.executable, "-m", "htnet", *command], env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    ) as service:
        try:
            models = wait_for(f"http://127.0.0.1:{port}/v1/models", service)
        finally:
            service.send_signal(signal.SIGTERM)
            said = service.communicate(timeout=60)[0]
    assert [model["task"] for model in models["models"]] == ["microexpression"], said
    assert service.returncode == 0


def wait_for(url: str, service: subprocess.Popen[bytes]) -> dict:
    deadline = time.monotonic() + 90
    while time.monotonic() < deadline and service.poll() is None:
        try:
            with urllib.request.urlopen(url, timeout=5) as answer:
                return json.load(answer)
        except (urllib.error.URLError, ConnectionError):
            time.sleep(0.2)
    raise AssertionError(f"no answer from {url}, exit status {service.poll()}")


def test_the_audit_database_is_made_and_exported_as_by_the_service(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'audit.sqlite'}"
    made = htnet("audit", "migrate", "--url", url)
    assert (made.returncode, made.stdout) == (0, "")
    assert made.stderr == f"the audit database is up to date: {url}\n"
    exported = htnet("audit", "export", HTNET_AUDIT_URL=url)
    as_module = subprocess.run(
        [sys.executable, "-m", "service.audit", "export", "--url", url], capture_output=True, text=True, check=True
    )
    assert exported.returncode == 0
    assert exported.stdout == as_module.stdout
    assert next(csv.reader(exported.stdout.splitlines()))[:2] == ["id", "recorded_at"]


def test_a_password_of_the_audit_database_is_not_shown(tmp_path: Path) -> None:
    assert "audit.sqlite" in htnet("audit", "export", "--url", f"sqlite:///{tmp_path / 'audit.sqlite'}").stderr
    refused = htnet("audit", "migrate", "--url", "postgresql://me:secret@127.0.0.1:1/none")
    assert refused.returncode == 1
    assert refused.stderr.startswith("Error: ")
    assert "secret" not in refused.stderr


def test_a_new_key_is_one_that_the_service_takes(tmp_path: Path) -> None:
    made = htnet("key", "new", "radiology", "--admin")
    assert made.returncode == 0
    (tmp_path / "api_keys").write_text(made.stdout, encoding="utf-8")
    secret = made.stderr.rpartition(": ")[2].strip()
    assert secret not in made.stdout
    found = KeyRing(tmp_path / "api_keys").find(secret)
    assert found is not None
    assert (found.key_id, found.role) == ("radiology", "admin")


def test_the_plain_module_takes_no_arguments() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "service", "--port", "8124"], capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 1
    assert "takes no arguments, got '--port 8124'" in done.stderr


def test_the_version_is_the_packages() -> None:
    done = subprocess.run([sys.executable, "-m", "htnet", "--version"], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == f"htnet-clinical {VERSION}"
