"""A folder of bundles -> analyzers, one per task: loading is the same for all tasks and is written once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from face.photograph import PhotographReader
from service.analysis.microexpression import MicroexpressionAnalyzer
from service.analysis.palsy import PalsyAnalyzer
from service.inference.batching import BatchingSession
from service.inference.bundle import MANIFEST_FILE, Bundle, load_bundle
from service.inference.errors import BundleError
from service.inference.manifest import Task, Variant
from service.inference.session import Provider, Session, open_session

# Makes the analyzer of a task from (bundle, session, reader, overlay_max_side_px=...).
AnalyzerFactory = Callable[..., Any]
ANALYZERS: Mapping[Task, AnalyzerFactory] = {"palsy": PalsyAnalyzer, "microexpression": MicroexpressionAnalyzer}

GPU_BATCH_MAX = 32


@dataclass(frozen=True, eq=False)
class LoadedModel:
    """A bundle that runs. sha256: of the graph that runs, which depends on the variant."""

    bundle: Bundle
    variant: Variant
    session: Session
    analyzer: Any

    @property
    def task(self) -> Task:
        return self.bundle.manifest.task

    @property
    def sha256(self) -> str:
        return self.bundle.manifest.files[self.variant].sha256

    def close(self) -> None:
        if isinstance(self.session, BatchingSession):
            self.session.close()


def find_bundles(models_dir: Path) -> list[Path]:
    """The bundles of a folder: the folder itself if it is one, else those right below it, by name.

    Raises BundleError if there is none.
    """
    if (models_dir / MANIFEST_FILE).is_file():
        return [models_dir]
    found = sorted(path.parent for path in models_dir.glob(f"*/{MANIFEST_FILE}"))
    if not found:
        raise BundleError(
            models_dir,
            f"no bundle in this folder (looked for {MANIFEST_FILE} in it and in the folders right below it); "
            "set HTNET_MODELS_DIR to a folder of bundles",
        )
    return found


def load_models(
    models_dir: Path,
    reader: PhotographReader,
    *,
    provider: Provider,
    variant: Variant | None,
    threads: int,
    overlay_max_side_px: int,
    batch_max: int | None = None,
) -> dict[Task, LoadedModel]:
    """Every bundle verified, loaded and warmed up. Raises BundleError and ProviderUnavailable: a service starts with
    all of its models or not at all.

    variant: of every bundle; None: the manifest's default on the CPU, on a GPU float16 where the bundle has it, else
    float32 (int8 products run on the CPU only). batch_max: images that several analyses send through a graph together;
    None: 32 on a GPU, 1 on the CPU, where a batch is no faster than its images.
    """
    if batch_max is None:
        batch_max = GPU_BATCH_MAX if provider == "cuda" else 1
    models: dict[Task, LoadedModel] = {}
    with ExitStack() as opened:  # a start that fails closes the sessions it has
        for directory in find_bundles(models_dir):
            bundle = load_bundle(directory)
            task = bundle.manifest.task
            if task in models:
                other = models[task].bundle.directory
                raise BundleError(
                    directory / MANIFEST_FILE, f"is a second bundle for {task!r}; the first is {other}", field="task"
                )
            if task not in ANALYZERS:
                raise BundleError(directory / MANIFEST_FILE, f"this version does not serve {task!r}", field="task")
            chosen = variant
            if chosen is None and provider == "cuda":
                chosen = "float16" if "float16" in bundle.manifest.files else "float32"
            session: Session = open_session(bundle, provider=provider, threads=threads, variant=chosen)
            if batch_max > 1:
                session = BatchingSession(session, batch_max=batch_max)
                opened.callback(session.close)
            models[task] = LoadedModel(
                bundle=bundle,
                variant=bundle.variant(chosen),
                session=session,
                analyzer=ANALYZERS[task](bundle, session, reader, overlay_max_side_px=overlay_max_side_px),
            )
        opened.pop_all()
    return models
