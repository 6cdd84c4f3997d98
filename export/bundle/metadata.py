"""What a person says about a model and no checkpoint knows: name, version, intended use, licence. Read from TOML."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from export.errors import ExportError

RESEARCH_USE = "Research only; not a medical device. A clinician must judge every answer."


class Metadata(BaseModel):
    """Fields of the manifest; thresholds as there (quality, out_of_distribution, heatmap_full_scale, ...)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    version: str
    description: str
    training_data: str
    intended_use: str = RESEARCH_USE
    licence: str = "not stated: the licence follows from the training data's"
    limitations: tuple[str, ...] = ()
    thresholds: dict[str, Any] = Field(default_factory=dict)


def read_metadata(path: Path) -> Metadata:
    """Raises ExportError naming the file and the key."""
    try:
        return Metadata.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except OSError as error:
        raise ExportError(f"{path}: cannot be read ({error.strerror})") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ExportError(f"{path}: is not TOML ({error})") from error
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        key = ".".join(str(part) for part in first["loc"])
        raise ExportError(f"{path}: {key}: {first['msg']}") from error
