"""The service's settings: environment variables HTNET_<NAME>, units in the names."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from face.image.decode import ImageLimits
from service.inference.bundle import MANIFEST_FILE
from service.inference.manifest import Variant
from service.inference.session import Provider
from service.operation_settings import OperationSettings

Positive = Annotated[int, Field(ge=1)]

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
    """What the analyses need, on top of what surrounds them. The defaults are right for one machine.

    models_dir: a folder of bundles, or one bundle; unset = `models` where the service is started, else those that it
    came with. landmark_model: a face_landmarker.task in place of the package's own. model_variant: of every bundle;
    unset = the manifest's default, on a GPU float16 or float32. model_threads: of one graph run. `running_max` analyses
    run at the same time in a worker, each with a landmarker of its own. batch_max: how many of them may share a run of
    a graph; unset = 32 on a GPU, 1 on the CPU. A GPU wants a `running_max` of that size.
    overlay_max_side_px: longer side of the overlays, which are never larger than the photograph.
    """

    model_config = SettingsConfigDict(env_prefix="HTNET_", extra="ignore", frozen=True, protected_namespaces=())

    models_dir: Path = Field(default_factory=shipped_models_dir)
    landmark_model: Path | None = None
    provider: Provider = "cpu"
    model_variant: Variant | None = None
    model_threads: Positive = 1
    batch_max: Positive | None = None

    image_max_bytes: Positive = 10_000_000
    image_max_pixels: Positive = 50_000_000
    image_max_side_px: Annotated[int, Field(ge=1, le=32_000)] = 20_000
    faces_max: Positive = 8
    overlay_max_side_px: Annotated[int, Field(ge=64, le=4096)] = 512

    page_enabled: bool = True

    @property
    def image_limits(self) -> ImageLimits:
        return ImageLimits(
            max_bytes=self.image_max_bytes, max_pixels=self.image_max_pixels, max_side_px=self.image_max_side_px
        )
