"""The service's settings: environment variables HTNET_<NAME>, units in the names."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, Field, field_validator, model_validator
from pydantic_settings import NoDecode, SettingsConfigDict

from face.clip.limits import ClipLimits
from face.image.limits import ImageLimits
from face.photograph import LandmarkEngine
from service.clips.decoding import DecodingLimits
from service.fhir.code_system import Codes
from service.inference.bundle import MANIFEST_FILE
from service.inference.manifest import Variant
from service.inference.session import Provider
from service.operation_settings import OperationSettings
from service.setting_types import FilePath, Places, Size, Whole

SnomedCtId = Annotated[str, Field(pattern=r"^[1-9][0-9]{5,17}$")]


def _known_codes(given: dict[str, str]) -> dict[str, str]:
    Codes(given)
    return given


_PACKAGE = Path(__file__).parent


def shipped_models_dir() -> Path:
    """The bundles to serve where none are named: `models` where the service is started, else those it came with.

    Those lie inside the installed package, in an editable installation in the checkout. A folder counts if it holds a
    bundle; where none does it is `models`, and the refusal to start names it.
    """
    here = Path("models")
    for folder in (here, _PACKAGE / "bundles", _PACKAGE.parent / "models"):
        if (folder / MANIFEST_FILE).is_file() or any(folder.glob(f"*/{MANIFEST_FILE}")):
            return folder
    return here


class Settings(OperationSettings):
    """What the analyses need, on top of what surrounds them. The defaults are right for one machine."""

    model_config = SettingsConfigDict(
        env_prefix="HTNET_", extra="ignore", frozen=True, protected_namespaces=(), use_attribute_docstrings=True
    )

    models_dir: FilePath = Field(default_factory=shipped_models_dir)
    """A folder of bundles, or one bundle; unset = `models` where the service is started, else those that it came
    with."""
    landmark_model: FilePath | None = None
    """A face_landmarker.task in place of the package's own."""
    landmark_engine: Literal[LandmarkEngine, "onnx"] | None = None
    """What runs the landmark model: `litert`, this service itself on the CPU; `onnx`, ONNX Runtime where `provider`
    says; `mediapipe`, MediaPipe's own graph, which is slower and does not find faces in pictures that lie on their
    side. Unset = litert, on a GPU onnx."""
    provider: Provider = "cpu"
    """What ONNX Runtime runs the graphs on. A GPU that is not there stops the start."""
    model_variant: Variant | None = None
    """Variant of every bundle; unset = the manifest's default, on a GPU float16 or float32."""
    broken_models: Literal["refuse", "leave-out"] = "refuse"
    """What a bundle does that cannot be served (damaged, copied in part, of an old version, a second one for its task,
    a network of examinations for another palsy model): `refuse` the start, or be left out (`leave-out`), as the log,
    `/readyz` and a metric then say."""
    model_threads: Places = 1
    """Threads of one graph run."""
    batch_max: Places | None = None
    """Analyses that may share a run of a graph; unset = 32 on a GPU, 1 on the CPU. A GPU wants a `running_max` of that
    size."""

    image_max_bytes: Size = 10_000_000
    """Largest image file."""
    assess_max_bytes: Size = 40_000_000
    """Largest body of an examination, all its image files together."""
    image_max_pixels: Size = 130_000_000
    """Largest image, width times height."""
    image_max_side_px: Annotated[Whole, Field(ge=64, le=32_000)] = 20_000
    """Longest side of an image."""
    clip_max_bytes: Size = 100_000_000
    """Largest clip of an examination."""
    clip_max_duration_s: Annotated[float, Field(ge=1, le=3600)] = 60.0
    """Longest clip of an examination."""
    clip_max_pixels: Size = 4_000_000_000
    """Pixels of all pictures of a clip together, by which decoding takes its time: 64 s of 1080p at 30 a second."""
    clip_decoder_memory_bytes: Annotated[Whole, Field(ge=800_000_000)] = 1_500_000_000
    """Address space of the process that decodes a clip, of which it maps half before it begins; what it really takes is
    a fifth."""
    faces_max: Places = 8
    """Faces that are looked for in a photograph."""
    overlay_max_side_px: Annotated[Whole, Field(ge=64, le=4096)] = 512
    """Longer side of the overlays, which are never larger than the photograph."""

    fhir_snomed_ct: Annotated[dict[str, SnomedCtId], NoDecode, AfterValidator(_known_codes)] = Field(
        default_factory=dict
    )
    """JSON object, code of the local CodeSystem -> SNOMED CT id: FHIR answers name that concept too, behind the local
    one. For those who have a licence; ids are the operator's to verify."""

    page_enabled: bool = True
    """The web page for people at `/`."""

    @field_validator("fhir_snomed_ct", mode="before")
    @classmethod
    def _read_codes(cls, value: Any) -> Any:
        if not isinstance(value, str):
            return value
        try:
            return json.loads(value)
        except json.JSONDecodeError as error:
            raise ValueError(f'this is no JSON object ({error}); write it like {{"side-left": "734418009"}}') from error

    @model_validator(mode="after")
    def _check_sizes(self) -> Self:
        if self.assess_max_bytes < self.image_max_bytes:
            raise ValueError(
                f"HTNET_ASSESS_MAX_BYTES={self.assess_max_bytes} is less than HTNET_IMAGE_MAX_BYTES="
                f"{self.image_max_bytes}: an examination holds several images"
            )
        return self

    @property
    def clip_limits(self) -> ClipLimits:
        return ClipLimits(
            max_bytes=self.clip_max_bytes,
            max_duration_s=self.clip_max_duration_s,
            max_pixels=self.clip_max_pixels,
        )

    @property
    def decoding_limits(self) -> DecodingLimits:
        return DecodingLimits(
            memory_bytes=self.clip_decoder_memory_bytes,
            deadline_s=math.ceil(self.clip_timeout_s),
            at_once=self.clips_running_max,
            wait_s=self.clips_queue_wait_s,
        )

    @property
    def image_limits(self) -> ImageLimits:
        return ImageLimits(
            max_bytes=self.image_max_bytes,
            max_pixels=self.image_max_pixels,
            max_side_px=self.image_max_side_px,
        )
