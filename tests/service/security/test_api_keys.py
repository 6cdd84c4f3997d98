"""Keys: several, hashed, exchanged while the service runs; rate per key; who may read the audit."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from service.observability.metrics import Metrics
from service.operation_settings import OperationSettings
from service.security.api_keys import KeyFileError, KeyRing, new_key, read_key_file
from service.security.middleware import KeyMiddleware, SecurityHeadersMiddleware
from service.security.rate_limit import RateLimiter
from service.setting_types import is_loopback


def write_keys(path: Path, *lines: str) -> None:
    path.write_text("# keys of the clinic\n" + "\n".join(lines) + "\n", encoding="utf-8")
    # The clock of a file system may be coarser than a test: make the change visible.
    status = path.stat()
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns + len(lines) * 1_000_000))


def client_for(path: Path | None, *, rate: RateLimiter | None = None) -> TestClient:
    app = Starlette(routes=[
        Route(route, lambda _request: PlainTextResponse("ok"), methods=["GET", "POST"])
        for route in ("/v1/models", "/v1/audit", "/livez", "/metrics")
    ])  # fmt: skip
    keys = KeyRing(path, reload_every_s=0.0) if path is not None else None
    app.add_middleware(KeyMiddleware, keys=keys, rate=rate, metrics=Metrics())
    app.add_middleware(SecurityHeadersMiddleware, tls=True)
    return TestClient(app)


def test_the_file_holds_no_secret_and_the_command_shows_it_once(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "service.security.new_key", "ward-3", "--admin"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    secret = done.stderr.strip().rsplit(" ", 1)[1]
    assert secret not in done.stdout
    path = tmp_path / "keys"
    path.write_text(done.stdout, encoding="utf-8")
    key = KeyRing(path).find(secret)
    assert key is not None
    assert (key.key_id, key.role) == ("ward-3", "admin")


def test_wrong_and_missing_keys_get_401(tmp_path: Path) -> None:
    secret, line = new_key("ward", "user")
    path = tmp_path / "keys"
    write_keys(path, line)
    client = client_for(path)
    assert client.get("/v1/models").status_code == 401
    refused = client.get("/v1/models", headers={"authorization": f"Bearer {secret}x"})
    assert refused.json()["code"] == "unauthorized"
    assert refused.headers["content-type"] == "application/problem+json"
    assert refused.headers["www-authenticate"].startswith("Bearer")
    assert client.get("/v1/models", headers={"authorization": f"Bearer {secret}"}).status_code == 200
    assert client.get("/v1/models", headers={"x-api-key": secret}).status_code == 200
    assert client.get("/livez").status_code == 200


def test_keys_are_exchanged_without_a_restart(tmp_path: Path) -> None:
    (old, old_line), (new, new_line) = new_key("old", "user"), new_key("new", "user")
    path = tmp_path / "keys"
    write_keys(path, old_line)
    client = client_for(path)
    assert client.get("/v1/models", headers={"x-api-key": new}).status_code == 401
    write_keys(path, old_line, new_line)
    assert client.get("/v1/models", headers={"x-api-key": new}).status_code == 200
    assert client.get("/v1/models", headers={"x-api-key": old}).status_code == 200
    write_keys(path, new_line, "# old is revoked", "#")
    assert client.get("/v1/models", headers={"x-api-key": old}).status_code == 401


def test_a_broken_change_keeps_the_old_keys(tmp_path: Path) -> None:
    secret, line = new_key("ward", "user")
    path = tmp_path / "keys"
    write_keys(path, line)
    faults = 0

    def count() -> None:
        nonlocal faults
        faults += 1

    ring = KeyRing(path, reload_every_s=0.0, on_error=count)
    write_keys(path, line, "typing error")
    assert ring.find(secret) is not None
    assert faults == 1


@pytest.mark.parametrize(
    ("line", "fault"),
    [("ward user", "expected"), ("ward boss " + "0" * 64, "role"), ("ward user 12", "hash"),
     ("w/d user " + "0" * 64, "id")],
)  # fmt: skip
def test_faults_in_the_file_are_named(tmp_path: Path, line: str, fault: str) -> None:
    path = tmp_path / "keys"
    path.write_text(line, encoding="utf-8")
    with pytest.raises(KeyFileError, match=fault):
        read_key_file(path)


@pytest.mark.parametrize(
    "written",
    [lambda line: f"\ufeff{line}\r\n", lambda line: line.replace(" ", "\t") + "\n", lambda line: f"  {line}  # Ann"],
    ids=["windows", "tabs", "blanks"],
)
def test_a_file_is_read_whatever_editor_wrote_it(tmp_path: Path, written: Callable[[str], str]) -> None:
    secret, line = new_key("ward", "user")
    path = tmp_path / "keys"
    path.write_bytes(written(line).encode())
    assert KeyRing(path).find(secret) is not None


def test_an_emptied_file_has_no_valid_key(tmp_path: Path) -> None:
    """Who empties the file locks everybody out, and means it."""
    secret, line = new_key("ward", "user")
    path = tmp_path / "keys"
    for nothing in ("", "# all keys are revoked\n\n"):
        write_keys(path, line)
        ring = KeyRing(path, reload_every_s=0.0)
        assert ring.find(secret) is not None
        path.write_text(nothing, encoding="utf-8")
        assert ring.find(secret) is None


def test_a_lost_file_keeps_the_old_keys_loudly_until_it_is_back(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    secret, line = new_key("ward", "user")
    path = tmp_path / "keys"
    write_keys(path, line)
    faults: list[int] = []
    ring = KeyRing(path, reload_every_s=0.0, on_error=lambda: faults.append(1))
    path.unlink()
    for _ in range(3):
        assert ring.find(secret) is not None
    assert len(faults) == 3
    (said,) = [record.getMessage() for record in caplog.records if record.levelname == "ERROR"]
    assert str(path) in said
    assert "No such file" in said
    other, line = new_key("ward", "user")
    write_keys(path, line)
    assert (ring.find(secret), ring.find(other) is not None) == (None, True)


def test_the_key_file_is_read_again_when_told(tmp_path: Path) -> None:
    secret, line = new_key("ward", "user")
    path = tmp_path / "keys"
    path.write_text("", encoding="utf-8")
    ring = KeyRing(path, reload_every_s=1000.0)
    write_keys(path, line)
    assert ring.find(secret) is None
    ring.reload()
    assert ring.find(secret) is not None


def test_audit_is_for_admin_keys_only(tmp_path: Path) -> None:
    (user, user_line), (admin, admin_line) = new_key("ward", "user"), new_key("it", "admin")
    path = tmp_path / "keys"
    write_keys(path, user_line, admin_line)
    client = client_for(path)
    assert client.get("/v1/audit", headers={"x-api-key": user}).status_code == 403
    assert client.get("/v1/audit", headers={"x-api-key": admin}).status_code == 200
    assert client_for(None).get("/v1/audit").status_code == 403


def test_rate_is_per_key(tmp_path: Path) -> None:
    (one, one_line), (two, two_line) = new_key("one", "user"), new_key("two", "user")
    path = tmp_path / "keys"
    write_keys(path, one_line, two_line)
    now = 0.0
    client = client_for(path, rate=RateLimiter(per_minute=60, burst=2, clock=lambda: now))
    codes = [client.get("/v1/models", headers={"x-api-key": one}).status_code for _ in range(3)]
    assert codes == [200, 200, 429]
    refused = client.get("/v1/models", headers={"x-api-key": one})
    assert (refused.json()["code"], refused.headers["retry-after"]) == ("rate-limited", "1")
    assert client.get("/v1/models", headers={"x-api-key": two}).status_code == 200
    now = 1.0
    assert client.get("/v1/models", headers={"x-api-key": one}).status_code == 200


def test_security_headers() -> None:
    answer = client_for(None).get("/v1/models")
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["cache-control"] == "no-store"
    assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]
    assert answer.headers["strict-transport-security"].startswith("max-age=")
    assert "access-control-allow-origin" not in answer.headers


@pytest.mark.parametrize(
    ("host", "loopback"), [("127.0.0.1", True), ("::1", True), ("localhost", True), ("0.0.0.0", False)]  # noqa: S104
)  # fmt: skip
def test_keys_are_needed_beyond_loopback(host: str, loopback: bool) -> None:
    assert is_loopback(host) == loopback
    if loopback:
        OperationSettings(host=host)
    else:
        with pytest.raises(ValueError, match="HTNET_API_KEYS_FILE"):
            OperationSettings(host=host)
        OperationSettings(host=host, allow_anonymous=True)
