"""A service that cannot start says in one line which setting, which value and what to do, and ends with status 3."""

import os
import re
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from service.audit.prepare import prepare_database
from service.audit.store import AuditUnavailable
from service.config import Settings
from service.security.api_keys import new_key
from service.setting_faults import COMPOSE_NAMES, WrongSettings, load_settings, unknown_names
from tests.ops.live_service import ROOT


@pytest.fixture(autouse=True)
def nothing_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the tests themselves are told by HTNET_... is no setting of a service."""
    for name in [name for name in os.environ if name.startswith("HTNET_")]:
        monkeypatch.delenv(name)


def start(models: Path, **settings: str) -> subprocess.CompletedProcess[str]:
    """``python -m service`` with these HTNET_... settings, until it ends."""
    environment = {"PATH": "/usr/bin:/bin", "HTNET_AUDIT_URL": "", "HTNET_PORT": "0", "HTNET_MODELS_DIR": str(models)}
    environment |= {f"HTNET_{name}": value for name, value in settings.items()}
    return subprocess.run(
        [sys.executable, "-m", "service"], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=90
    )


def wrong_lines(monkeypatch: pytest.MonkeyPatch, **settings: str) -> list[str]:
    for name, value in settings.items():
        monkeypatch.setenv(f"HTNET_{name}", value)
    with pytest.raises(WrongSettings) as refused:
        load_settings()
    return list(refused.value.faults)


@pytest.mark.parametrize(
    ("name", "value", "cure"),
    [
        ("PORT", "high", "no whole number"),
        ("PORT", "8.000", "no whole number"),
        ("PORT", "tcp://10.3.0.7:80", "enableServiceLinks"),
        ("PORT", '"8000"', "quotes"),
        ("WORKERS", "0", "greater than or equal to 1"),
        ("RUNNING_MAX", "100000", "less than or equal to 256"),
        ("CONNECTIONS_MAX", "100000000000", "less than or equal to 65535"),
        ("IMAGE_MAX_BYTES", "10MB", "without a unit"),
        ("IMAGE_MAX_BYTES", "10", "greater than or equal to 1000"),
        ("IMAGE_MAX_BYTES", "10.000.000", "no whole number"),
        ("BODY_TIMEOUT_S", "15s", "without a unit"),
        ("BODY_TIMEOUT_S", "0,5", "not a comma"),
        ("BODY_TIMEOUT_S", "15000", "less than or equal to 3600"),
        ("CLIP_TIMEOUT_S", "inf", "finite number"),
        ("RATE_LIMIT_PER_MINUTE", "inf", "finite number"),
        ("TRACE_SAMPLE_RATIO", "50%", "no number"),
        ("PAGE_ENABLED", "ja", "neither true nor false"),
        ("LOG_LEVEL", "loud", "'debug', 'info', 'warning' or 'error'"),
        ("LOG_LEVEL", "'info'", "quotes"),
        ("HOST", "http://127.0.0.1", "no address"),
        ("HOST", "127.0.0.1:8000", "no address"),
        ("HOST", "127.0.0.256", "no address"),
        ("HOST", "*", "0.0.0.0 means all"),
        ("BIND_ADDRESS", "10.0.0.7/24", "no address"),
        ("MODELS_DIR", '"/srv/models"', "quotes"),
        ("CORS_ALLOW_ORIGINS", "ward.example", "like https://ward.example"),
        ("CORS_ALLOW_ORIGINS", "https://ward.example/page", "like https://ward.example"),
        ("CORS_ALLOW_ORIGINS", "https://*.example", "like https://ward.example"),
        ("CORS_ALLOW_ORIGINS", "https://Ward.example", "in small letters"),
        ("CORS_ALLOW_ORIGINS", "https://ward.example:port", "like https://ward.example"),
        ("CORS_ALLOW_ORIGINS", "https://", "like https://ward.example"),
        ("CORS_ALLOW_ORIGINS", "https://a.example https://b.example", "commas"),
        ("CORS_ALLOW_ORIGINS", "*,https://ward.example", "name it alone"),
        ("CORS_ALLOW_ORIGINS", '["https://ward.example"', "commas"),
        ("TRUSTED_PROXIES", "10.0.0.1/8", "like 10.0.0.0/8"),
        ("TRUSTED_PROXIES", "nginx", "like 10.0.0.0/8"),
        ("TRUSTED_PROXIES", "10.0.0.7, 0.0.0.0/0", "everybody"),
        ("ROOT_PATH", "htnet", "begins with /"),
        ("ROOT_PATH", "/a/../b", "no dots"),
        ("OTLP_ENDPOINT", "collector:4318", "http://collector:4318/v1/traces"),
        ("OTLP_ENDPOINT", "http://collector:4317", "http://collector:4318/v1/traces"),
        ("OTLP_ENDPOINT", "http://collector:99999/v1/traces", "http://collector:4318/v1/traces"),
        ("OTLP_ENDPOINT", "http://collector:43 18/v1/traces", "http://collector:4318/v1/traces"),
    ],
)
def test_a_wrong_value_is_one_line_with_its_cure(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, cure: str
) -> None:
    (line,) = wrong_lines(monkeypatch, **{name: value})
    assert line.startswith(f"HTNET_{name}={value}: ")
    assert cure in line
    assert "\n" not in line


@pytest.mark.parametrize("ends", ["\r", " ", "\t", "\r\n", "\u00a0"])
def test_what_stands_around_a_value_is_none_of_it(monkeypatch: pytest.MonkeyPatch, ends: str) -> None:
    """A file with the line ends of Windows, a blank that nobody sees."""
    written = {"HOST": "127.0.0.1", "PORT": "8001", "MODELS_DIR": "/srv/models", "AUDIT_URL": "sqlite:////srv/a.sqlite",
               "DOCS_ENABLED": "no", "LOG_LEVEL": "debug", "ROOT_PATH": "/htnet", "BODY_TIMEOUT_S": "8.5"}  # fmt: skip
    for name, value in written.items():
        monkeypatch.setenv(f"HTNET_{name}", value + ends)
    settings = load_settings()
    assert (settings.host, settings.port, settings.docs_enabled) == ("127.0.0.1", 8001, False)
    assert (str(settings.models_dir), settings.audit_url.get_secret_value()) == ("/srv/models", written["AUDIT_URL"])
    assert (settings.log_level, settings.root_path, settings.body_timeout_s) == ("debug", "/htnet", 8.5)


@pytest.mark.parametrize(
    ("settings", "line"),
    [
        ({"TLS_KEY": "/k"}, "HTNET_TLS_CERTIFICATE= and HTNET_TLS_KEY=/k belong together"),
        ({"METRICS_NEED_KEY": "true"}, "HTNET_METRICS_NEED_KEY=true, and there are no keys"),
        ({"ALLOW_ANONYMOUS": "true", "API_KEYS_FILE": "/k"},
         "HTNET_ALLOW_ANONYMOUS=true and HTNET_API_KEYS_FILE=/k contradict"),
        ({"IMAGE_MAX_BYTES": "50000000"},
         "HTNET_ASSESS_MAX_BYTES=40000000 is less than HTNET_IMAGE_MAX_BYTES=50000000"),
    ],
)  # fmt: skip
def test_two_settings_that_contradict_are_one_line_with_both(
    monkeypatch: pytest.MonkeyPatch, settings: dict[str, str], line: str
) -> None:
    (said,) = wrong_lines(monkeypatch, **settings)
    assert said.startswith(line)


@pytest.mark.parametrize("name", ["TLS_KEY", "TLS_CERTIFICATE", "API_KEYS_FILE", "MODELS_DIR"])
@pytest.mark.parametrize("secret", ["-----BEGIN PRIVATE KEY-----\nMIIsecret\n", new_key("ward", "user")[0]])
def test_a_secret_in_place_of_its_files_path_is_not_repeated(
    monkeypatch: pytest.MonkeyPatch, name: str, secret: str
) -> None:
    (line,) = wrong_lines(monkeypatch, **{name: secret})
    assert line.startswith(f"HTNET_{name}: this is a secret itself and not the path")
    assert secret[8:16] not in line


def test_a_wrong_value_of_several_lines_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    (line,) = wrong_lines(monkeypatch, LOG_LEVEL="info\nHTNET_PORT=8000")
    assert line.startswith(r"HTNET_LOG_LEVEL=info\nHTNET_PORT=8000: input should be")
    (line,) = wrong_lines(monkeypatch, LOG_LEVEL="info", CORS_ALLOW_ORIGINS="[1, 2, 3]")
    assert line.startswith("HTNET_CORS_ALLOW_ORIGINS=1: input should be a valid string")


def test_every_wrong_setting_has_its_line(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = wrong_lines(monkeypatch, WORKERS="many", DRAIN_S="-1", RATE_LIMIT="60")
    assert sorted(line[:14] for line in lines) == ["HTNET_DRAIN_S=", "HTNET_RATE_LIM", "HTNET_WORKERS="]


def test_codes_that_are_no_json_get_their_line(monkeypatch: pytest.MonkeyPatch) -> None:
    (line,) = wrong_lines(monkeypatch, FHIR_SNOMED_CT="side-left: 734418009")
    assert line.startswith("HTNET_FHIR_SNOMED_CT=")
    assert "no JSON object" in line


@pytest.mark.parametrize(
    ("name", "near"),
    [("API_KEY_FILE", ("HTNET_API_KEYS_FILE",)), ("WORKER", ("HTNET_WORKERS",)),
     ("RATE_LIMIT", ("HTNET_RATE_LIMIT_PER_MINUTE", "HTNET_RATE_LIMIT_BURST"))],
)  # fmt: skip
def test_a_misspelt_setting_is_refused_with_the_nearest(
    monkeypatch: pytest.MonkeyPatch, name: str, near: tuple[str, ...]
) -> None:
    (line,) = wrong_lines(monkeypatch, **{name: "x"})
    assert line.startswith(f"HTNET_{name}: ")
    assert all(other in line for other in near)


def test_what_kubernetes_and_compose_put_there_is_no_mistake() -> None:
    links = {
        "HTNET_CLINICAL_SERVICE_HOST": "10.3.0.7", "HTNET_CLINICAL_SERVICE_PORT": "80",
        "HTNET_CLINICAL_SERVICE_PORT_HTTP": "80", "HTNET_CLINICAL_PORT": "tcp://10.3.0.7:80",
        "HTNET_CLINICAL_PORT_80_TCP": "tcp://10.3.0.7:80", "HTNET_CLINICAL_PORT_80_TCP_ADDR": "10.3.0.7",
    }  # fmt: skip
    assert unknown_names(links | dict.fromkeys(COMPOSE_NAMES, "x")) == []
    assert unknown_names({"HTNET_CLINICAL_PORT": "8000"}) == ["HTNET_CLINICAL_PORT"]


def test_an_empty_value_is_unset_but_for_the_audit(monkeypatch: pytest.MonkeyPatch) -> None:
    """Compose passes an empty text for what nobody has set."""
    for name in Settings.model_fields:
        monkeypatch.setenv(f"HTNET_{name.upper()}", "")
    settings = load_settings()
    assert settings.model_copy(update={"audit_url": Settings.model_fields["audit_url"].default}) == Settings(
        audit_url=Settings.model_fields["audit_url"].default
    )
    assert settings.audit_url.get_secret_value() == ""


def test_origins_are_a_list_with_commas_or_json(monkeypatch: pytest.MonkeyPatch) -> None:
    for written in ("https://a.example, https://b.example:8443", '["https://a.example", "https://b.example:8443"]'):
        monkeypatch.setenv("HTNET_CORS_ALLOW_ORIGINS", written)
        assert load_settings().cors_allow_origins == ("https://a.example", "https://b.example:8443")


def test_a_password_in_a_wrong_setting_is_not_shown(tiny_models: Path) -> None:
    done = start(tiny_models, AUDIT_URL="mysql://me:secret@host/name")
    assert done.returncode == 3
    assert "secret" not in done.stderr
    assert "HTNET_AUDIT_URL" in done.stderr


def test_keys_are_needed_by_the_address_that_is_published(monkeypatch: pytest.MonkeyPatch) -> None:
    """In a container the service binds to all addresses; the machine decides who reaches them."""
    monkeypatch.setenv("HTNET_HOST", "0.0.0.0")  # noqa: S104
    monkeypatch.setenv("HTNET_BIND_ADDRESS", "127.0.0.1")
    load_settings()
    for address in ("0.0.0.0", "192.0.2.7", "::"):  # noqa: S104
        (line,) = wrong_lines(monkeypatch, BIND_ADDRESS=address)
        assert line.startswith(f"HTNET_BIND_ADDRESS={address} can be reached from other machines: set HTNET_API_KEYS")


def test_files_and_addresses_that_cannot_be_used_are_one_line(tmp_path: Path, tiny_models: Path) -> None:
    (tmp_path / "half.pem").write_text("-----BEGIN CERTIFICATE-----\nMIIB")
    (tmp_path / "typing-error").write_text("ward user 123\n")
    nowhere = str(tmp_path / "nowhere")
    cases: list[tuple[dict[str, str], str]] = [
        ({"HOST": "0.0.0.0"}, "HTNET_API_KEYS_FILE"),  # noqa: S104
        ({"TLS_KEY": nowhere}, f"HTNET_TLS_KEY={nowhere} belong together"),
        ({"TLS_CERTIFICATE": nowhere, "TLS_KEY": nowhere}, f"HTNET_TLS_CERTIFICATE={nowhere} cannot be read by uid"),
        ({"TLS_CERTIFICATE": str(tmp_path / "half.pem"), "TLS_KEY": str(tmp_path / "half.pem")}, "half.pem"),
        ({"AUDIT_URL": "mysql://x/y"}, "HTNET_AUDIT_URL"),
        ({"AUDIT_URL": "sqlite:////proc/nowhere/audit.sqlite"}, "/proc/nowhere"),
        ({"API_KEYS_FILE": nowhere}, f"HTNET_API_KEYS_FILE: {nowhere}"),
        ({"API_KEYS_FILE": str(tmp_path / "typing-error")}, "line 1"),
        ({"AUDIT_URL": f"sqlite:///{tmp_path}"}, f"{tmp_path}: this is a folder"),
        ({"AUDIT_URL": "postgresql://ann:p@ss@nowhere.invalid/audit"}, "in a password write @ as %40"),
        ({"LANDMARK_MODEL": nowhere}, f"HTNET_LANDMARK_MODEL={nowhere}"),
        ({"LANDMARK_MODEL": str(tmp_path / "half.pem")}, f"HTNET_LANDMARK_MODEL={tmp_path / 'half.pem'}"),
        ({"PROVIDER": "cuda"}, "HTNET_PROVIDER"),
        ({"MODEL_VARIANT": "float16"}, "HTNET_MODEL_VARIANT"),
        ({"IMAGE_MAX_BYTES": str(10**15), "ASSESS_MAX_BYTES": str(10**15)}, f"HTNET_IMAGE_MAX_BYTES={10**15} is more"),
        ({"MODELS_DIR": nowhere}, f"{nowhere}: no bundle in this folder"),
        ({"HOST": "203.0.113.9", "ALLOW_ANONYMOUS": "true"}, "HTNET_HOST=203.0.113.9"),
    ]
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        cases.append(({"PORT": port}, f"HTNET_PORT={port}: cannot listen there"))
        for settings, message in cases:
            done = start(tiny_models, **settings)
            assert (done.returncode, done.stderr.count("\n")) == (3, 1), (settings, done.stderr)
            assert message in done.stderr


@pytest.mark.parametrize("workers", [1, 2])
def test_an_exchanged_model_is_one_line_with_both_hashes(workers: int, tmp_path: Path, tiny_models: Path) -> None:
    models = tmp_path / "models" / "palsy"
    models.mkdir(parents=True)
    for path in (tiny_models / "palsy").iterdir():
        (models / path.name).write_bytes(path.read_bytes())
    graph = bytearray((models / "model.onnx").read_bytes())
    graph[len(graph) // 2] ^= 1
    (models / "model.onnx").write_bytes(graph)
    done = start(models.parent, WORKERS=str(workers))
    assert done.returncode == 3, done.stderr
    (line,) = done.stderr.splitlines()
    assert "model.onnx" in line
    assert len(set(re.findall(r"\b[0-9a-f]{64}\b", line))) >= 2


def prepared_by(uid: int, url: str) -> str:
    """What somebody else is told who makes the database ready; empty if all went well."""
    ours, theirs = os.pipe()
    child = os.fork()
    if child == 0:
        said = ""
        try:
            os.setgroups([])
            os.setgid(0)
            os.setuid(uid)
            prepare_database(url)
        except AuditUnavailable as error:
            said = str(error)
        except BaseException as error:
            said = repr(error)
        os.write(theirs, said.encode())
        os._exit(0)
    os.close(theirs)
    with os.fdopen(ours) as pipe:
        said = pipe.read()
    os.waitpid(child, 0)
    return said


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")  # a fork beside threads, from Python 3.12 on
def test_a_folder_of_somebody_else_is_named_with_who_asked() -> None:
    """A bind mount of root's and a container that runs as a random user, who belongs to group 0."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        prepare_database(f"sqlite:///{name}/own.sqlite")
        folder = Path(name) / "mount"
        folder.mkdir(mode=0o755)
        url = f"sqlite:///{folder}/audit.sqlite"
        said = prepared_by(1234567, url)
        assert all(part in said for part in (f"{folder} cannot be written by uid 1234567, gid 0", "0:0, mode 755"))
        folder.chmod(0o775)
        assert prepared_by(1234567, url) == ""


def test_the_rehearsal_of_an_images_build_finds_models_that_do_not_load(tmp_path: Path, tiny_models: Path) -> None:
    for models, status in ((tiny_models, 0), (tmp_path, 1)):
        environment = {"PATH": "/usr/bin:/bin", "HTNET_AUDIT_URL": "", "HTNET_MODELS_DIR": str(models)}
        command = [sys.executable, "-m", "service.rehearse"]
        done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=90)
        assert (done.returncode, done.stderr.count("\n")) == (status, status), done.stderr
