"""`cache`, `train` and `crossval`: the commands of every task."""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperCommand

from face.vocabulary import FacePolicy, Task
from model_training.command_options import Overrides, progress_bar, refuse_given
from model_training.errors import TrainingError
from model_training.runtime.shard import Shard
from model_training.shard_options import RayAddress, ShardText, on_ray, shard_done, share_of_work

if TYPE_CHECKING:
    from model_training.training.config import TrainConfig

EXAMPLES: dict[Task, str] = {
    "palsy": "configs/demo.toml --set data.cache=runs/fnp-cache",
    "microexpression": "configs/microexpression_train.toml --set data.cache=runs/casme2-cache",
}


def cache_command(
    context: typer.Context,
    table: Annotated[Path, typer.Argument(help="Sample table, or its folder.")],
    out: Annotated[Path, typer.Option(help="Folder of the cache.")],
    kind: Annotated[
        Task, typer.Option(help="What the rows are: photographs, or onset/apex pairs and flow images.")
    ] = "palsy",
    jobs: Annotated[int, typer.Option(help="Processes.", min=1)] = 2,
    faces: Annotated[
        FacePolicy, typer.Option(help="Several faces in a picture: an error for that row, or take the largest.")
    ] = "largest",
    shard: ShardText = None,
    ray: RayAddress = None,
) -> None:
    """Run the shared preprocessing once over a table: parallel, resumable, faces that are not found are listed.

    Example: `htnet data cache runs/fnp --out runs/fnp-cache --jobs 8`
    """
    from model_training.data.cache_build import PART_ROWS, build_cache
    from model_training.data.sample_table import read_table
    from model_training.tasks import make_producer

    share = share_of_work(shard, ray)
    read = read_table(table)
    if kind == "microexpression" and not read.frame.get("onset_path", read.frame["path"].str[:0]).any():
        refuse_given(context, "faces", why=f"{table} holds flow images, in which no face is looked for")
    producer = make_producer(kind, faces=faces)
    if ray is not None:
        parts = -(-len(read) // PART_ROWS)
        on_ray(ray, lambda part: build_cache(read, out, producer=producer, jobs=0, shard=part), folder=out, units=parts)
    with progress_bar("cache", total=len(read)) as bar:
        report = build_cache(read, out, producer=producer, jobs=jobs, shard=share, progress=bar.advance)
    if share is not None and not report.joined:
        typer.echo(shard_done(share, out / "parts"))
        return
    for code, count in report.not_found.items():
        typer.echo(f"not used {count}: {code}")
    if report.not_found:
        typer.echo(f"every one of them: {out / 'not_found.csv'}")
    speed = f" ({report.images_per_second:.1f} images/s, {jobs} processes)" if report.computed else ""
    typer.echo(f"{report.found} of {report.rows} rows cached in {out}{speed}")


class ConfiguredCommand(TyperCommand):
    """A command whose settings are keys of a configuration: an option that is none of its own is told which key it
    would be."""

    # Any: the class of contexts is typer's own, not one of its names for others.
    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        known = {name for parameter in self.params for name in parameter.opts} | {"--help"}
        for given in args:
            option = given.partition("=")[0]
            if option.startswith("--") and option not in known:
                ctx.fail(f"No such option: {option}. {_as_key(option)}")
        return super().parse_args(ctx, args)


def _as_key(option: str) -> str:
    from model_training.training.config import TrainConfig

    name = option.removeprefix("--").replace("-", "_")
    sections = {key: field.annotation for key, field in TrainConfig.model_fields.items()}
    keys = [key for key, section in sections.items() if name in getattr(section, "model_fields", {})]
    if keys:
        return f"It is a key of the configuration: --set {keys[0]}.{name}=..."
    return "What is trained, and how, are keys of the configuration: --set optimisation.learning_rate=1e-4"


def refuse_before_torch(settings: TrainConfig, *, resume: bool) -> None:
    """What can be known without torch, whose import takes seconds. Raises TrainingError, and ModuleNotFoundError where
    there is no torch, which nothing else would mend."""
    from model_training.data.cache import open_cache
    from model_training.runtime.gpu_presence import refuse_missing_gpu
    from model_training.training.run_files import refuse_run_in_use
    from model_training.training.trackers import refuse_missing_trackers

    if find_spec("torch") is None:
        raise ModuleNotFoundError("No module named 'torch'", name="torch")
    refuse_missing_gpu(settings.run.device, name="run.device")
    refuse_missing_trackers(settings.run)
    refuse_run_in_use(Path(settings.run.out), resume=resume)
    open_cache(Path(settings.data.cache), kind=settings.task)


def train_command(task: Task | None = None) -> Callable[..., None]:
    """The command that trains one model of a task; without one, of whichever the configuration is for."""

    def train(
        config: Annotated[Path, typer.Option("--config", help="TOML; examples in configs/.")],
        resume: Annotated[bool, typer.Option("--resume", help="Go on with the run in run.out.")] = False,
        init: Annotated[
            list[Path] | None,
            typer.Option(
                "--init",
                help="Start from the weights of another checkpoint, as far as they fit; of several, a later one wins.",
            ),
        ] = None,
        overrides: Overrides = None,
    ) -> None:
        from model_training.training.config import load_config

        # Before torch is loaded: mistakes answer at once.
        settings = _of_task(
            load_config(config, overrides=tuple(overrides or ())), task, config, command="train", verb="train"
        )
        from model_training.training.run_files import STATE

        if resume and init and (Path(settings.run.out) / STATE).is_file():
            raise TrainingError(
                f"--init would have no effect: {settings.run.out} holds a run, which goes on with its own weights. "
                "Leave --init out, or choose another run.out"
            )
        refuse_before_torch(settings, resume=resume)
        from model_training.tasks import make_task
        from model_training.training.train import train as train_model

        result = train_model(make_task(settings), resume=resume, init=init or (), say=typer.echo, show_progress=True)
        typer.echo(f"best epoch {result.best_epoch} of {result.epochs}: {result.best}")

    group: Task = task or "palsy"
    train.__doc__ = f"""Train one model; Ctrl-C saves, `--resume` goes on exactly there.

    Example: `htnet {group} train --config {EXAMPLES[group]}`

    Several GPUs: `torchrun --nproc-per-node 4 -m htnet {group} train --config my.toml --set run.device=cuda`
    """
    return train


def crossval_command(task: Task | None = None) -> Callable[..., None]:
    """The command that cross-validates one task; without one, whichever the configuration is for."""

    def crossval(
        config: Annotated[Path, typer.Option("--config", help="TOML; run.out is the folder of all folds.")],
        folds: Annotated[int, typer.Option(help="Folds by person; 0 leaves one person out at a time.")] = 5,
        jobs: Annotated[int, typer.Option(help="Folds at the same time; fewer when memory is short.")] = 1,
        validation: Annotated[
            float, typer.Option(help="Share of each fold's other people that choose the epoch and calibrate.")
        ] = 0.15,
        shard: ShardText = None,
        ray: RayAddress = None,
        overrides: Overrides = None,
    ) -> None:
        from model_training.training.config import load_config

        share = share_of_work(shard, ray)
        settings = _of_task(
            load_config(config, overrides=tuple(overrides or ())),
            task,
            config,
            command="crossval",
            verb="cross-validate",
        )
        refuse_before_torch(settings, resume=True)
        from model_training.crossvalidation.crossval import cross_validate, people_of_folds
        from model_training.data.cache import open_cache

        out = Path(settings.run.out)
        if ray is not None:
            cache = open_cache(Path(settings.data.cache), kind=settings.task)
            people = people_of_folds(settings, cache, folds=folds, validation=validation)
            on_ray(
                ray,
                lambda part: cross_validate(settings, folds=folds, validation=validation, shard=part, say=_say_nothing),
                folder=out,
                units=len(people),
                gpu=settings.run.device.startswith("cuda"),
            )
        with progress_bar("folds") as bar:
            made = cross_validate(
                settings, folds=folds, jobs=jobs, validation=validation, shard=share, say=bar.say, progress=bar.at
            )
        if made is None:
            typer.echo(shard_done(Shard.read(str(shard)), out))
            return
        typer.echo("pooled over all folds: " + ", ".join(f"{name} {value}" for name, value in made.figures.items()))
        for warning in made.warnings:
            typer.echo(f"warning: {warning}", err=True)
        typer.echo(f"report: {out / 'report/report.html'}")

    group: Task = task or "palsy"
    crossval.__doc__ = f"""Cross-validation by person; finished folds are kept, an interrupted one goes on.

    Example: `htnet {group} crossval --config {EXAMPLES[group]} --folds 5`

    Leave one person out: `... crossval --config my.toml --folds 0`
    """
    return crossval


def _of_task(settings: TrainConfig, task: Task | None, config: Path, *, command: str, verb: str) -> TrainConfig:
    """Raises TrainingError where the configuration is for another task than the command."""
    if task is not None and settings.task != task:
        raise TrainingError(
            f"{config}: its task is {settings.task!r}, not {task!r}; {verb} it with `htnet {settings.task} {command}`"
        )
    return settings


def _say_nothing(_line: str) -> None:
    """Tasks of a cluster talk to nobody."""
