"""A folder of bundles -> analyzers, one per task: loading is the same for all tasks and is written once.

A new task is a field of `LoadedModels` and a case in `load_models`; handlers then reach its analyzer by its own type.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Generic, TypeVar

from face.photograph import PhotographReader
from face.vocabulary import Task
from service.analysis.microexpression import MicroexpressionAnalyzer
from service.analysis.palsy import PalsyAnalyzer
from service.analysis.palsy_session import PalsySessionAnalyzer
from service.inference.batching import BatchingSession
from service.inference.bundle import MANIFEST_FILE, Bundle, load_bundle
from service.inference.errors import BundleError
from service.inference.manifest import Variant
from service.inference.session import Provider, Session, open_session

GPU_BATCH_MAX = 32


AnalyzerT_co = TypeVar("AnalyzerT_co", covariant=True)


@dataclass(frozen=True, eq=False)
class LoadedModel(Generic[AnalyzerT_co]):
    """A bundle that runs. sha256: of the graph that runs, which depends on the variant."""

    bundle: Bundle
    variant: Variant
    session: Session
    analyzer: AnalyzerT_co

    @property
    def task(self) -> Task:
        return self.bundle.manifest.task

    @property
    def sha256(self) -> str:
        return self.bundle.manifest.files[self.variant].sha256

    def close(self) -> None:
        if isinstance(self.session, BatchingSession):
            self.session.close()


# Where the answer is not looked at: identity, audit, list of models.
AnyModel = LoadedModel[object]


@dataclass(frozen=True, eq=False)
class LoadedModels:
    """One field for each task, named as the task; None where the folder has no bundle for it."""

    palsy: LoadedModel[PalsyAnalyzer] | None = None
    microexpression: LoadedModel[MicroexpressionAnalyzer] | None = None
    palsy_session: LoadedModel[PalsySessionAnalyzer] | None = None

    def __iter__(self) -> Iterator[AnyModel]:
        for field in fields(self):
            model: AnyModel | None = getattr(self, field.name)
            if model is not None:
                yield model

    def of(self, task: Task) -> AnyModel | None:
        return next((model for model in self if model.task == task), None)

    def tasks(self) -> list[Task]:
        return [model.task for model in self]


def find_bundles(models_dir: Path) -> list[Path]:
    """The bundles of a folder: the folder itself if it is one, else those right below it, by name. One that has a graph
    and no manifest counts too: it was copied in part, and loading it says so.

    Raises BundleError if there is none.
    """
    if (models_dir / MANIFEST_FILE).is_file():
        return [models_dir]
    # A hidden folder is one that is being written, or was set aside.
    found = sorted({path.parent for name in (MANIFEST_FILE, "*.onnx") for path in models_dir.glob(f"[!.]*/{name}")})
    if not found:
        raise BundleError(
            models_dir,
            f"no bundle in this folder (looked for {MANIFEST_FILE} in it and in the folders right below it); "
            "set HTNET_MODELS_DIR to a folder of bundles",
        )
    return found


def images_a_run(provider: Provider, asked: int | None) -> int:
    """Images that several analyses send through a graph together: `asked`, or 32 on a GPU and 1 on the CPU, where a
    batch is no faster than its images."""
    if asked is not None:
        return asked
    return GPU_BATCH_MAX if provider == "cuda" else 1


def load_models(
    models_dir: Path,
    reader: PhotographReader,
    *,
    provider: Provider,
    variant: Variant | None,
    threads: int,
    overlay_max_side_px: int,
    batch_max: int | None = None,
    leave_out: Callable[[Path, BundleError], None] | None = None,
) -> LoadedModels:
    """Every bundle verified, loaded and warmed up. Raises BundleError and ProviderUnavailable: a service starts with
    all of its models or not at all. With `leave_out`, which gets the folder and what is wrong with it, a bundle that
    cannot be served does not stop the others; BundleError then where none is left.

    variant: of every bundle; None: the manifest's default on the CPU, on a GPU float16 where the bundle has it, else
    float32 (int8 products run on the CPU only). batch_max: see images_a_run.
    """
    batch_max = images_a_run(provider, batch_max)
    models = LoadedModels()
    with ExitStack() as opened:  # a start that fails closes the sessions it has
        for directory in find_bundles(models_dir):
            with ExitStack() as opening:
                try:
                    models = _with_bundle(
                        models, directory, reader, opening, provider=provider, variant=variant, threads=threads,
                        overlay_max_side_px=overlay_max_side_px, batch_max=batch_max,
                    )  # fmt: skip
                except BundleError as error:
                    if leave_out is None:
                        raise
                    leave_out(directory, error)
                    continue
                opened.push(opening.pop_all())
        try:
            _check_session_network(models)
        except BundleError as error:
            if leave_out is None or models.palsy_session is None:
                raise
            leave_out(models.palsy_session.bundle.directory, error)
            models.palsy_session.close()
            models = replace(models, palsy_session=None)
        if not models.tasks():
            raise BundleError(models_dir, "none of its bundles can be served; the log says why of each")
        opened.pop_all()
    return models


def _check_session_network(models: LoadedModels) -> None:
    """Raises BundleError where the network of examinations was made for another palsy model than the one beside it."""
    network, palsy = models.palsy_session, models.palsy
    if network is None or palsy is None or network.analyzer.takes_readings_of(palsy.bundle):
        return
    other = palsy.bundle.manifest
    raise BundleError(
        network.bundle.directory,
        f"was made for another palsy model than {other.name} {other.version} in {palsy.bundle.directory}; make one for "
        "that one with `htnet palsy train-session`, or take this bundle away: examinations are then read without",
        field="input.spec",
    )


def _with_bundle(
    models: LoadedModels,
    directory: Path,
    reader: PhotographReader,
    opened: ExitStack,
    *,
    provider: Provider,
    variant: Variant | None,
    threads: int,
    overlay_max_side_px: int,
    batch_max: int,
) -> LoadedModels:
    bundle = load_bundle(directory)
    task = bundle.manifest.task
    other = models.of(task)
    if other is not None:
        raise BundleError(
            directory / MANIFEST_FILE,
            f"is a second bundle for {task!r}; the first is {other.bundle.directory}",
            field="task",
        )
    chosen = variant
    if chosen is None and provider == "cuda":
        chosen = "float16" if "float16" in bundle.manifest.files else "float32"
    session: Session = open_session(bundle, provider=provider, threads=threads, variant=chosen)
    if batch_max > 1:
        session = BatchingSession(session, batch_max=batch_max)
        opened.callback(session.close)
    runs = bundle.variant(chosen)
    match task:
        case "palsy":
            palsy = PalsyAnalyzer(bundle, session, reader, overlay_max_side_px=overlay_max_side_px)
            return replace(models, palsy=LoadedModel(bundle, runs, session, palsy))
        case "microexpression":
            emotion = MicroexpressionAnalyzer(bundle, session, reader, overlay_max_side_px=overlay_max_side_px)
            return replace(models, microexpression=LoadedModel(bundle, runs, session, emotion))
        case "palsy-session":
            examination = PalsySessionAnalyzer(bundle, session)
            return replace(models, palsy_session=LoadedModel(bundle, runs, session, examination))
