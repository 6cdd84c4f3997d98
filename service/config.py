"""The service's settings: environment variables HTNET_<NAME>, units in the names."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from service.inference.manifest import Variant
from service.inference.session import Provider
from service.preprocessing.decode import ImageLimits

Positive = Annotated[int, Field(ge=1)]


class Settings(BaseSettings):
    """All of them have a default that is right for one machine and the shipped bundles.

    models_dir: a folder of bundles, or one bundle. landmark_model: a face_landmarker.task in place of the installed
    package's. model_variant: of every bundle; unset = the manifest's default. model_threads: of one graph run.
    analysis_threads: analyses that run at the same time in one worker, each with a landmarker of its own.
    overlay_max_side_px: longer side of the overlays, which are never larger than the photograph.
    """

    model_config = SettingsConfigDict(env_prefix="HTNET_", frozen=True, protected_namespaces=())

    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65535)] = 8000

    models_dir: Path = Path("models")
    landmark_model: Path | None = None
    provider: Provider = "cpu"
    model_variant: Variant | None = None
    model_threads: Positive = 1
    analysis_threads: Positive = 1

    image_max_bytes: Positive = 10_000_000
    image_max_pixels: Positive = 50_000_000
    image_max_side_px: Annotated[int, Field(ge=1, le=32_000)] = 20_000
    faces_max: Positive = 8
    overlay_max_side_px: Annotated[int, Field(ge=64, le=4096)] = 768

    queue_max: Annotated[int, Field(ge=0)] = 8
    queue_wait_s: Annotated[float, Field(gt=0)] = 1.0
    uploads_max: Positive = 32
    body_timeout_s: Annotated[float, Field(gt=0)] = 15.0
    request_timeout_s: Annotated[float, Field(gt=0)] = 10.0

    page_enabled: bool = True
    docs_enabled: bool = True

    @property
    def image_limits(self) -> ImageLimits:
        return ImageLimits(
            max_bytes=self.image_max_bytes, max_pixels=self.image_max_pixels, max_side_px=self.image_max_side_px
        )
