"""A bundle directory -> a verified `Bundle`. Whatever does not fit stops the start with the file, the field and both
values in the message.

DIR/manifest.json    strict schema, see manifest.py
DIR/model.onnx       float32 graph; DIR/model.int8.onnx where the manifest names it
DIR/MODEL_CARD.md    for people
DIR/metrics.json     every figure that the card quotes
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

from pydantic import ValidationError

from face.landmarks.model_file import LANDMARK_MODEL_SHA256
from face.vocabulary import Task
from service.inference.errors import BundleError
from service.inference.manifest import Manifest, Variant, parse_manifest

MANIFEST_FILE = "manifest.json"
MODEL_CARD_FILE = "MODEL_CARD.md"
METRICS_FILE = "metrics.json"


@dataclass(frozen=True)
class Bundle:
    """A verified bundle. model_card: Markdown; metrics: the content of metrics.json."""

    directory: Path
    manifest: Manifest
    model_card: str
    metrics: dict[str, Any]

    def model_path(self, variant: Variant | None = None) -> Path:
        return self.directory / self.manifest.files[self.variant(variant)].file

    def variant(self, variant: Variant | None = None) -> Variant:
        """The variant itself, or the manifest's default for None. A variant that the bundle lacks is a BundleError."""
        chosen = variant or self.manifest.default_variant
        if chosen not in self.manifest.files:
            have = ", ".join(self.manifest.files)
            raise BundleError(
                self.directory / MANIFEST_FILE,
                f"has no variant {chosen!r} (it has {have}); HTNET_MODEL_VARIANT names one that every bundle has",
                field="files",
            )
        return chosen

    def read_model(self, variant: Variant | None = None) -> bytes:
        """The graph's bytes, verified as they are read, so that what runs is what was checked."""
        chosen = self.variant(variant)
        entry = self.manifest.files[chosen]
        path = self.directory / entry.file
        try:
            data = path.read_bytes()
        except OSError as error:
            raise BundleError(
                path, f"cannot be read ({error.strerror}); the manifest names it as files.{chosen}"
            ) from error
        if len(data) != entry.bytes:
            raise BundleError(
                path, f"has {len(data)} bytes, the manifest says {entry.bytes}", field=f"files.{chosen}.bytes"
            )
        found = hashlib.sha256(data).hexdigest()
        if found != entry.sha256:
            raise BundleError(
                path, f"SHA-256 is {found}, the manifest says {entry.sha256}: the file is damaged or was swapped",
                field=f"files.{chosen}.sha256",
            )  # fmt: skip
        return data


def load_bundle(directory: Path, *, landmark_model_sha256: str | None = None) -> Bundle:
    """Read and verify a bundle: schema, every model file's size and SHA-256, the landmark model's SHA-256, card and
    metrics.

    landmark_model_sha256: hash of the landmark model in use; None = the one this package pins. Raises BundleError.
    """
    directory = Path(directory)
    manifest_path = directory / MANIFEST_FILE
    manifest = _read_manifest(manifest_path)
    if landmark_model_sha256 is None:
        landmark_model_sha256 = LANDMARK_MODEL_SHA256
    if manifest.landmark_model_sha256 != landmark_model_sha256:
        raise BundleError(
            manifest_path,
            f"was made with the landmark model {manifest.landmark_model_sha256}, in use is {landmark_model_sha256}",
            field="landmark_model_sha256",
        )
    bundle = Bundle(
        directory=directory,
        manifest=manifest,
        model_card=_read_text(directory / MODEL_CARD_FILE),
        metrics=_read_object(directory / METRICS_FILE),
    )
    for variant in manifest.files:
        bundle.read_model(variant)
    return bundle


def _read_manifest(path: Path) -> Manifest:
    text = _read_text(path)
    try:
        return parse_manifest(text)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        # The union's discriminator value leads every location: it is no field of the file.
        location = [str(part) for part in first["loc"]]
        if location and location[0] in get_args(Task):
            location = location[1:]
        others = error.error_count() - 1
        problem = f"{first['msg']}{f' (and {others} more)' if others else ''}"
        if first["type"] not in ("missing", "value_error", "json_invalid"):
            problem += f"; found {_short(first['input'])}"
        raise BundleError(path, problem, field=".".join(location) or None) from error


def _read_text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise BundleError(
            path, "missing: a bundle has manifest.json, model.onnx, MODEL_CARD.md and metrics.json"
        ) from error
    except (OSError, UnicodeDecodeError) as error:
        raise BundleError(path, f"cannot be read ({error})") from error


def _read_object(path: Path) -> dict[str, Any]:
    try:
        value = json.loads(_read_text(path))
    except json.JSONDecodeError as error:
        raise BundleError(path, f"is not JSON ({error})") from error
    if not isinstance(value, dict):
        raise BundleError(path, f"must hold a JSON object, found {type(value).__name__}")
    return value


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."
