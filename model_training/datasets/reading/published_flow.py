"""The flow images published with HTNet: ready 28x28 PNGs, in the whole-set layout or pre-split by test subject."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from face.image.files import images_under
from face.vocabulary import EMOTIONS
from model_training.datasets.reading.frames import require_folder
from model_training.datasets.reading.spreadsheets import read_rows, text, whole_number
from model_training.errors import TrainingError

TABLE = "combined_3_class2_for_optical_flow.csv"
WHOLE, SPLIT = "STSNet_whole_norm_u_v_os", "three_norm_u_v_os"
# Where the research code keeps its pictures; its table lies beside this folder.
DATASETS = "datasets"


@dataclass(frozen=True)
class PublishedClip:
    """label: number in EMOTIONS; dataset: empty in the pre-split layout, which does not say it."""

    image: Path
    label: int
    subject: str
    clip: str
    dataset: str = ""

    @property
    def person(self) -> str:
        return f"{self.dataset}/{self.subject}" if self.dataset else self.subject


@dataclass(frozen=True)
class UnusableRow:
    """where: the row of the table, as the user finds it again."""

    where: str
    reason: str


def published_clips(root: Path) -> Iterator[PublishedClip | UnusableRow]:
    """Either layout, told apart by what there is.

    Whole: `combined_3_class2_for_optical_flow.csv` with `STSNet_whole_norm_u_v_os/{sub}_{filename_o} .png` (the blank
    belongs to the name). Split: `three_norm_u_v_os/{subject}/u_test/{label}/*.png`. Labels count 0 negative, 1
    positive, 2 surprise. root: where these lie, one of them, or the checkout of the research code, whose table lies
    beside `datasets/`. Raises TrainingError where the folder holds neither.
    """
    if root.name == TABLE:
        root = root.parent
    require_folder(root, "published flow images")
    if root.name == SPLIT:
        return _presplit(root)
    places = _places(root)
    table = next((place / TABLE for place in places if (place / TABLE).is_file()), None)
    whole = next((place / WHOLE for place in places if (place / WHOLE).is_dir()), None)
    split = next((place / SPLIT for place in places if (place / SPLIT).is_dir()), None)
    if table is not None and whole is not None:
        return _whole(table, whole)
    if split is not None and root.name != WHOLE:
        return _presplit(split)
    if table is not None:
        raise TrainingError(f"{table}: its flow images are missing, {WHOLE}/ beside it or in {DATASETS}/")
    if whole is not None:
        raise TrainingError(
            f"{whole}: nothing says which emotion its images show: put {TABLE} of the research code beside this "
            f"folder, or give {SPLIT}/"
        )
    raise TrainingError(f"{root}: holds neither {TABLE} nor {SPLIT}/; give the folder of the published flow images")


def _places(root: Path) -> tuple[Path, ...]:
    """Where table and images may lie: side by side, or as in the research code's checkout."""
    root = root.absolute()
    base = root.parent if root.name == WHOLE else root
    return (base, base.parent) if base.name == DATASETS else (base, base / DATASETS)


def _whole(table: Path, folder: Path) -> Iterator[PublishedClip | UnusableRow]:
    for number, row in read_rows(table, columns=("dataset", "sub", "filename_o", "label")):
        where = f"{TABLE} row {number}"
        subject, clip, label = text(row["sub"]), text(row["filename_o"]), whole_number(row["label"])
        if label is None or label >= len(EMOTIONS):
            yield UnusableRow(where, f"label out of range: {row['label']!r} is not 0, 1 or 2")
            continue
        candidates = [folder / f"{subject}_{clip} .png", folder / f"{subject}_{clip}.png"]
        image = next((path for path in candidates if path.is_file()), None)
        if image is None:
            yield UnusableRow(where, f"flow image missing: {candidates[0].name!r}")
            continue
        yield PublishedClip(image=image, label=label, subject=subject, clip=clip, dataset=text(row["dataset"]))


def _presplit(folder: Path) -> Iterator[PublishedClip]:
    """Every image is the test image of its own subject once; u_train repeats the others and is not read."""
    for subject in sorted(item for item in folder.iterdir() if item.is_dir()):
        for label in range(len(EMOTIONS)):
            for image in images_under(subject / "u_test" / str(label)):
                yield PublishedClip(image=image, label=label, subject=subject.name, clip=image.stem.strip())
