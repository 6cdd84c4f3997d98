"""The flow images published with HTNet -> a sample table."""

from __future__ import annotations

from pathlib import Path

from face.vocabulary import EMOTIONS
from model_training.datasets.reading.conversion import Conversion
from model_training.datasets.reading.published_flow import UnusableRow, published_clips


def convert_published_flow(conversion: Conversion, *, root: Path) -> None:
    """Either layout of the published images (`published_clips`). Raises TrainingError where the folder holds none."""
    for found in published_clips(root):
        conversion.read += 1
        if isinstance(found, UnusableRow):
            conversion.drop(found.where, found.reason)
            continue
        further = {"source_dataset": found.dataset} if found.dataset else {"emotion": EMOTIONS[found.label]}
        conversion.add(
            sample=f"{found.person}/{found.clip}",
            person=found.person,
            path=found.image,
            label=found.label + 1,
            clip=found.clip,
            **further,
        )
