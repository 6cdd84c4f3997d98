"""Flow images with their labels and subjects: the published layout, and the cache that the converters write.

An image is (28, 28, 3) uint8 with channels u, v, strain, each min-max scaled (face/microexpression/flow.py makes the
same from frames).
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from face.vocabulary import EMOTIONS
from model_training.data.cache import Cache, open_cache
from model_training.data.sample_table import label_names
from model_training.datasets.reading.published_flow import SPLIT, TABLE, WHOLE, UnusableRow, published_clips
from model_training.errors import TrainingError

# The data set of clips whose folder does not say it.
UNNAMED = "flow"
CACHE_KEYS = ("flow", "label", "subject", "dataset", "clip", "class_names")


@dataclass(frozen=True, eq=False)
class FlowImages:
    """images (N, 28, 28, 3) uint8; labels (N,) int64; subjects (N,) str, unique over data sets ('casme2/sub01');
    datasets, clips (N,) str."""

    images: np.ndarray
    labels: np.ndarray
    subjects: np.ndarray
    datasets: np.ndarray
    clips: np.ndarray
    class_names: tuple[str, ...] = EMOTIONS

    def __post_init__(self) -> None:
        count = len(self.images)
        if self.images.shape != (count, 28, 28, 3) or self.images.dtype != np.uint8:
            raise ValueError(f"flow images must be uint8 (N, 28, 28, 3), got {self.images.dtype} {self.images.shape}")
        for name in ("labels", "subjects", "datasets", "clips"):
            if len(getattr(self, name)) != count:
                raise ValueError(f"{name} has {len(getattr(self, name))} entries for {count} images")
        if count and (self.labels.min() < 0 or self.labels.max() >= len(self.class_names)):
            raise ValueError(
                f"labels must lie in 0..{len(self.class_names) - 1}, got {self.labels.min()}..{self.labels.max()}"
            )

    def __len__(self) -> int:
        return len(self.images)

    @property
    def subject_names(self) -> tuple[str, ...]:
        return tuple(sorted(set(self.subjects.tolist())))

    def of(self, rows: np.ndarray) -> FlowImages:
        """The clips of a mask (N,)."""
        names = ("images", "labels", "subjects", "datasets", "clips")
        return FlowImages(**{name: getattr(self, name)[rows] for name in names}, class_names=self.class_names)

    def digest(self) -> str:
        """SHA-256 of what is learned from: images, labels, subjects."""
        found = hashlib.sha256(self.images.tobytes() + self.labels.tobytes())
        found.update("|".join(self.subjects.tolist()).encode())
        return found.hexdigest()

    def subject_index(self) -> np.ndarray:
        """(N,) number of each image's subject in `subject_names`."""
        order = {name: index for index, name in enumerate(self.subject_names)}
        return np.array([order[name] for name in self.subjects.tolist()])


def load_flow(path: Path, *, split: str | None = None) -> FlowImages:
    """A folder in the published layout, a folder that `prepare` and `cache --kind microexpression` made, or an .npz
    flow cache. split: of a prepared folder, only the rows of this one. TrainingError names what is missing.
    """
    prepared = (path / "cache.json").is_file()
    if split is not None and not prepared:
        raise TrainingError(f"{path}: has no splits, which only the cache of a prepared table has; leave the split out")
    if path.is_dir() or path.name == TABLE:
        return load_prepared(path, split=split) if prepared else load_published(path)
    if path.suffix == ".npz" and path.is_file():
        return load_cache(path)
    raise TrainingError(f"{path}: neither a folder with {TABLE} and {WHOLE}/, or with {SPLIT}/, nor an .npz flow cache")


def load_prepared(folder: Path, *, split: str | None = None) -> FlowImages:
    """The cache of any prepared data set; its classes are the names in the table."""
    cache = open_cache(folder, kind="microexpression")
    names = label_names(cache.frame)
    kept = np.ones(len(cache.frame), bool) if split is None else (cache.frame["split"] == split).to_numpy()
    if not kept.any():
        raise TrainingError(
            f"{folder}: no row of split {split!r}; there are {', '.join(sorted(set(cache.frame['split'])))}"
        )
    return clips_of(cache, names=names, rows=np.flatnonzero(kept))


def clips_of(cache: Cache, *, names: tuple[str, ...], rows: np.ndarray) -> FlowImages:
    """Rows of a cache of micro-expressions. names: of its labels, in order. TrainingError for a label beyond them."""
    frame = cache.frame.iloc[rows]
    sources = frame["source_dataset"] if "source_dataset" in frame.columns else frame["dataset"]
    clips = frame["clip"] if "clip" in frame.columns else frame["sample_id"]
    try:
        return FlowImages(
            images=np.ascontiguousarray(np.moveaxis(cache.arrays["flow"][rows], 1, -1)),
            labels=frame["label"].to_numpy(np.int64) - 1,
            subjects=frame["person_id"].to_numpy(str),
            datasets=sources.to_numpy(str),
            clips=clips.to_numpy(str),
            class_names=names,
        )
    except ValueError as error:
        raise TrainingError(f"{cache.folder}: {error}") from error


def load_published(folder: Path) -> FlowImages:
    """The files published with the HTNet reference code, in either layout. A clip whose image is missing or unreadable
    is an error, never a black image."""
    clips, images = [], []
    for found in published_clips(folder):
        if isinstance(found, UnusableRow):
            raise TrainingError(f"{folder}: {found.where}: {found.reason}")
        image = cv2.imread(str(found.image), cv2.IMREAD_COLOR)
        if image is None:
            raise TrainingError(f"{found.image}: cannot be decoded")
        if image.shape != (28, 28, 3):
            raise TrainingError(f"{found.image}: is {image.shape[1]}x{image.shape[0]}, not 28x28")
        clips.append(found)
        images.append(image[..., ::-1])
    if not clips:
        raise TrainingError(f"{folder}: holds no flow image")
    return FlowImages(
        images=np.stack(images),
        labels=np.array([clip.label for clip in clips], np.int64),
        subjects=np.array([clip.person for clip in clips]),
        datasets=np.array([clip.dataset or UNNAMED for clip in clips]),
        clips=np.array([clip.clip for clip in clips]),
    )


def load_cache(path: Path) -> FlowImages:
    with np.load(path, allow_pickle=False) as stored:
        missing = set(CACHE_KEYS) - set(stored.files)
        if missing:
            raise TrainingError(f"{path}: the flow cache lacks {', '.join(sorted(missing))}")
        try:
            return FlowImages(
                images=stored["flow"],
                labels=stored["label"].astype(np.int64),
                subjects=stored["subject"].astype(str),
                datasets=stored["dataset"].astype(str),
                clips=stored["clip"].astype(str),
                class_names=tuple(stored["class_names"].astype(str).tolist()),
            )
        except ValueError as error:
            raise TrainingError(f"{path}: {error}") from error
