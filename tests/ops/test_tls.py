"""TLS by settings: a real handshake with a certificate that the client checks, and what is cut."""

import shutil
import signal
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.ops.live_service import GRADE, ROOT, LiveService, free_port, live_service, metric_sum

HANDSHAKE_TIMEOUT_S = 1.0

pytestmark = pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl makes the certificate")


def make_certificate(folder: Path, name: str) -> tuple[Path, Path]:
    """(certificate, key) for 127.0.0.1, in folder/certificate.pem and folder/key.pem."""
    certificate, key = folder / "certificate.pem", folder / "key.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "1",
         "-subj", f"/CN={name}", "-addext", "subjectAltName=IP:127.0.0.1", "-out", certificate, "-keyout", key],
        check=True, capture_output=True,
    )  # fmt: skip
    return certificate, key


def certificate_of(service: LiveService) -> bytes:
    """What a new connection is shown."""
    return ssl.get_server_certificate(("127.0.0.1", service.port)).encode()


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory, tiny_models: Path) -> Iterator[LiveService]:
    folder = tmp_path_factory.mktemp("tls")
    certificate, key = make_certificate(folder, "htnet")
    with live_service(
        folder, tiny_models, tls=ssl.create_default_context(cafile=str(certificate)),
        tls_certificate=certificate, tls_key=key, head_timeout_s=HANDSHAKE_TIMEOUT_S,
    ) as live:  # fmt: skip
        yield live


def test_a_photograph_is_graded_over_tls(service: LiveService, astronaut_jpeg: bytes) -> None:
    assert service.tls is not None
    answer = httpx.post(service.url + GRADE, files={"image": astronaut_jpeg}, verify=service.tls, timeout=30)
    assert answer.status_code == 200, answer.text
    assert answer.headers["strict-transport-security"].startswith("max-age=")


def test_the_certificate_is_really_checked(service: LiveService) -> None:
    with pytest.raises(httpx.ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
        httpx.get(service.url + "/livez")


def test_plain_http_and_old_tls_get_no_answer(service: LiveService) -> None:
    with pytest.raises(httpx.TransportError):
        httpx.get(f"http://127.0.0.1:{service.port}/livez")
    old = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    old.check_hostname, old.verify_mode = False, ssl.CERT_NONE
    with pytest.warns(DeprecationWarning, match="TLSv1_1"):
        old.minimum_version = old.maximum_version = ssl.TLSVersion.TLSv1_1
    with socket.create_connection(("127.0.0.1", service.port), timeout=5) as connection, pytest.raises(ssl.SSLError):
        old.wrap_socket(connection)


def test_a_silent_handshake_is_cut(service: LiveService) -> None:
    with socket.create_connection(("127.0.0.1", service.port), timeout=10) as connection:
        started = time.monotonic()
        assert connection.recv(1) == b""
    assert HANDSHAKE_TIMEOUT_S * 0.8 < time.monotonic() - started < HANDSHAKE_TIMEOUT_S + 2


def test_a_slow_head_is_cut(service: LiveService) -> None:
    assert service.tls is not None
    with (
        socket.create_connection(("127.0.0.1", service.port), timeout=10) as connection,
        service.tls.wrap_socket(connection, server_hostname="127.0.0.1") as channel,
    ):
        channel.sendall(b"GET /livez HTTP/1.1\r\nHost: x\r\n")
        assert channel.recv(4096).startswith(b"HTTP/1.1 408")


def test_the_health_check_follows_the_settings(service: LiveService) -> None:
    """TLS, the port, and no proxy, whatever the environment names."""
    settings = {"HTNET_PORT": str(service.port), "HTNET_TLS_CERTIFICATE": "used", "HTNET_TLS_KEY": "used"}
    proxies = dict.fromkeys(("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"), "http://127.0.0.1:9")
    command = [sys.executable, "-m", "service.server.health"]
    for changes, status in (({}, 0), ({"HTNET_TLS_CERTIFICATE": "", "HTNET_TLS_KEY": ""}, 1), ({"HTNET_PORT": "9"}, 1)):
        environment = {"PATH": "/usr/bin:/bin", **settings, **proxies, **changes}
        done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
        assert done.returncode == status, done.stderr
        assert "Traceback" not in done.stderr


def test_the_health_check_finds_a_service_on_ipv6(tmp_path: Path, tiny_models: Path) -> None:
    if not socket.has_ipv6 or not Path("/proc/net/if_inet6").exists():
        pytest.skip("no IPv6 here")
    port = free_port()
    environment = {
        "PATH": "/usr/bin:/bin", "HTNET_HOST": "::", "HTNET_PORT": str(port), "HTNET_ALLOW_ANONYMOUS": "true",
        "HTNET_AUDIT_URL": "", "HTNET_MODELS_DIR": str(tiny_models),
    }  # fmt: skip
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen([sys.executable, "-m", "service"], cwd=ROOT, env=environment, stdout=log, stderr=log)
    try:
        command = [sys.executable, "-m", "service.server.health"]
        deadline = time.monotonic() + 120
        while subprocess.run(command, cwd=ROOT, env=environment, capture_output=True).returncode != 0:
            assert process.poll() is None, (tmp_path / "log").read_text()
            assert time.monotonic() < deadline, (tmp_path / "log").read_text()
            time.sleep(0.3)
    finally:
        process.terminate()
        process.wait(30)


@pytest.mark.parametrize("workers", [1, 2])
def test_a_renewed_certificate_is_used_by_itself_and_a_broken_one_never(
    workers: int, tmp_path: Path, tiny_models: Path
) -> None:
    certificate, key = make_certificate(tmp_path, "first")
    first = certificate.read_bytes()
    context = ssl.create_default_context(cafile=str(certificate))
    with live_service(
        tmp_path, tiny_models, tls=context, workers=workers, tls_certificate=certificate, tls_key=key
    ) as live:
        assert certificate_of(live) == first
        certificate.write_bytes(first[:200])
        live.process.send_signal(signal.SIGHUP)
        time.sleep(2.5)
        assert {certificate_of(live) for _ in range(6)} == {first}
        assert metric_sum(live.get("/metrics").text, "htnet_certificate_errors_total") >= workers
        assert any("the old one stays in force" in str(line["message"]) for line in live.log_lines())
        make_certificate(tmp_path, "second")
        time.sleep(2.5)
        assert {certificate_of(live) for _ in range(6)} == {certificate.read_bytes()}
        assert certificate.read_bytes() != first
