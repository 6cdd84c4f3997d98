"""Micro-expressions from flow images: the reference trained on simulated people, calibrated and fine-tuned.
`simulate_command` makes the simulated people."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from model_training.command_options import progress_bar

Data = Annotated[Path, typer.Option("--data", help="Folder of the published flow images, or an .npz flow cache.")]
Resume = Annotated[bool, typer.Option("--resume", help="Go on with the training that was begun for --out.")]
ConfigFile = Annotated[
    Path, typer.Option("--config", help="TOML: sections [training], [training.model], [simulation].")
]
Out = Annotated[Path, typer.Option("--out", help="Where the results go.")]


def simulate_command(
    out: Annotated[Path, typer.Option("--out", help="The .npz file to write.")],
    people: Annotated[int, typer.Option(help="Number of simulated people.", min=1)] = 600,
    seed: Annotated[int, typer.Option(help="Same seed, same data.")] = 0,
    first: Annotated[
        int, typer.Option(help="Number of the first person: several processes make parts of one set.", min=0)
    ] = 0,
    config: Annotated[Path | None, typer.Option(help="TOML with a [simulation] section.")] = None,
) -> None:
    """Onset/apex pairs of simulated people as flow images with their class, through the service's own flow code.
    Finished people are kept: a stopped command goes on.

    Example: `htnet simulate microexpressions --people 150 --seed 1 --out runs/flow.npz`
    """
    from model_training.microexpression.config import simulation_config
    from model_training.microexpression.simulation.simulated_flow import SimulationConfig
    from model_training.microexpression.simulation.simulated_set import simulate_set

    simulation = simulation_config(config) if config is not None else SimulationConfig()
    with progress_bar("people") as bar:
        images = simulate_set(out, simulation, people=range(first, first + people), seed=seed, progress=bar.at)
    typer.echo(f"{images} flow images of {people} people in {out}")


def compare_images_command(
    data: Data,
    simulated: Annotated[
        list[Path],
        typer.Option("--simulated", help="Files of `htnet simulate microexpressions`, each a set. Repeatable."),
    ],
    out: Annotated[Path, typer.Option("--out", help="Folder for flow_statistics.json and flow_statistics.png.")],
) -> None:
    """Statistics of simulated and published flow images side by side. No label is read.

    Example: `htnet microexpression compare-flow --data FLOW --simulated runs/flow.npz --out runs/compared`
    """
    from model_training.microexpression.folded.reference import load_simulated
    from model_training.microexpression.published_flow import load_flow
    from model_training.microexpression.simulation.flow_statistics import write_statistics

    clips = load_flow(data)
    real = {"published": clips.images} | {
        name: clips.images[clips.datasets == name] for name in sorted(set(clips.datasets.tolist()))
    }
    report = write_statistics(real, {path.stem: load_simulated([path]).images for path in simulated}, out)
    for name, against in report["told_apart_auc"].items():
        typer.echo(f"{name}: told from real images with an AUC of {', '.join(f'{k} {v}' for k, v in against.items())}")
    typer.echo(f"figures: {out / 'flow_statistics.json'}")


def train_command(
    simulated: Annotated[
        list[Path], typer.Option("--simulated", help="Files of `htnet simulate microexpressions`. Repeatable.")
    ],
    config: ConfigFile,
    out: Annotated[Path, typer.Option("--out", help="The checkpoint to write.")],
    members: Annotated[int, typer.Option(help="Networks in the ensemble.", min=1)] = 5,
    seed: Annotated[int, typer.Option(help="Seed of the training.")] = 0,
    resume: Resume = False,
) -> None:
    """Train the ensemble on simulated flow alone. Every epoch is kept; `--resume` goes on exactly there.

    Example: `htnet microexpression reference --simulated runs/flow.npz --config
    configs/microexpression_reference.toml --out runs/reference.pt`
    """
    from face.microexpression.spec import MicroExpressionSpec
    from model_training.microexpression.config import training_config
    from model_training.microexpression.folded.interim import KeptEnsemble
    from model_training.microexpression.folded.reference import load_simulated, train_reference
    from model_training.training.checkpoint import save_atomically
    from model_training.training.run_files import begin_training, file_digest, training_folder

    training, flow = training_config(config), load_simulated(simulated)
    plan = {
        **training.to_dict(),
        "members": members,
        "seed": seed,
        "simulated": [file_digest(path) for path in simulated],
    }
    kept = KeptEnsemble(training_folder(out, plan, resume=resume, say=typer.echo))
    begin_training(kept.folder, plan)
    with progress_bar("epochs") as bar:

        def say(epoch: int, accuracy: float) -> None:
            bar.say(f"epoch {epoch}: {accuracy:.3f} right of held-out simulated people (first member)")
            bar.at(epoch, training.epochs)

        try:
            checkpoint = train_reference(
                training, flow, members=members, seed=seed, spec=MicroExpressionSpec(), progress=say, kept=kept
            )
        except KeyboardInterrupt:
            raise kept.stopped() from None
    save_atomically(checkpoint, out)
    typer.echo(json.dumps(checkpoint["calibration"]))
    typer.echo(f"wrote {out}")


def calibrate_command(
    checkpoint: Annotated[Path, typer.Option(help="Any micro-expression checkpoint; with --simulated an ensemble.")],
    data: Annotated[
        Path,
        typer.Option("--data", help="Clips that training has not seen: a cache, the published folder, or an .npz."),
    ],
    out: Annotated[Path, typer.Option("--out", help="The checkpoint to write; the network in it is the same.")],
    split: Annotated[str | None, typer.Option(help="Of a cache, only the rows of this split.")] = None,
    simulated: Annotated[
        list[Path] | None,
        typer.Option(
            "--simulated",
            help="Simulated people who were not trained on. Repeatable. With them, no label of the clips is read.",
        ),
    ] = None,
) -> None:
    """Fit the probabilities of a checkpoint anew to labelled clips, or, with simulated people beside, to unlabelled.

    Example: `htnet microexpression calibrate --checkpoint runs/mine/best.pt --data runs/clinic-cache --split validation
    --out runs/calibrated.pt`

    Without labels: `... calibrate --checkpoint runs/reference.pt --simulated runs/others.npz --data FLOW --out
    runs/calibrated.pt`
    """
    if not simulated:
        from model_training.microexpression.evaluation.recalibrate import recalibrate_clips
        from model_training.microexpression.published_flow import load_flow
        from model_training.training.checkpoint import load_checkpoint

        for line in recalibrate_clips(load_checkpoint(checkpoint), load_flow(data, split=split), out).lines():
            typer.echo(line)
        typer.echo(f"wrote {out}")
        return
    from model_training.microexpression.evaluation.degraded_calibration import calibrate_by_confidence
    from model_training.microexpression.folded.reference import load_reference, load_simulated
    from model_training.microexpression.published_flow import load_flow
    from model_training.training.checkpoint import save_atomically

    made = calibrate_by_confidence(
        load_reference(checkpoint), load_simulated(simulated), load_flow(data, split=split).images
    )
    save_atomically(made, out)
    typer.echo(json.dumps(made["calibration"]))
    typer.echo(f"wrote {out}")


def finetune_command(
    checkpoint: Annotated[Path, typer.Option(help="Checkpoint of `htnet microexpression reference`.")],
    data: Data,
    config: ConfigFile,
    out: Annotated[Path, typer.Option("--out", help="The checkpoint to write.")],
    seed: Annotated[int, typer.Option(help="Seed of the training.")] = 0,
    resume: Resume = False,
) -> None:
    """Train a reference checkpoint on with ALL real clips, for those who hold the data. Its estimate is `loso` with
    the same configuration. Every epoch is kept; `--resume` goes on exactly there.

    Example: `htnet microexpression finetune --checkpoint runs/reference.pt --data FLOW --config
    configs/microexpression.toml --out runs/tuned.pt`
    """
    from model_training.microexpression.config import training_config
    from model_training.microexpression.folded.interim import KeptEnsemble
    from model_training.microexpression.folded.reference import fine_tune_on_all, load_reference
    from model_training.microexpression.published_flow import load_flow
    from model_training.training.checkpoint import BUNDLED, save_atomically
    from model_training.training.run_files import begin_training, file_digest, training_folder

    training, clips, start = training_config(config), load_flow(data), load_reference(checkpoint)
    place = checkpoint / BUNDLED if checkpoint.is_dir() else checkpoint
    plan = {**training.to_dict(), "seed": seed, "clips": clips.digest(), "checkpoint": file_digest(place)}
    kept = KeptEnsemble(training_folder(out, plan, resume=resume, say=typer.echo))
    begin_training(kept.folder, plan)
    with progress_bar("epochs") as bar:
        try:
            tuned = fine_tune_on_all(
                training,
                start,
                clips,
                seed=seed,
                on_epoch=lambda number, _weights: bar.at(number, training.epochs),
                kept=kept,
            )
        except KeyboardInterrupt:
            raise kept.stopped() from None
    save_atomically(tuned, out)
    typer.echo(f"trained on {len(clips)} real clips; the weights carry the licence of that data: wrote {out}")


def demo_command(
    out: Annotated[Path, typer.Option(help="Folder for everything; one that was stopped goes on.")] = Path(
        "runs/demo-microexpression"
    ),
    small: Annotated[bool, typer.Option("--small", help="A minute's worth, to see that every step works.")] = False,
    jobs: Annotated[int, typer.Option(help="Processes for caching.", min=1)] = 2,
    seed: Annotated[int, typer.Option(help="Seed of the people, the split and the training.")] = 0,
) -> None:
    """The whole way once on rendered clips; succeeds only if the service answers exactly as `predict` does.

    Example: `htnet microexpression demo --out runs/demo-microexpression`
    """
    from model_training.microexpression.inference.demo import FULL, SMALL, describe, run_demo

    for line in describe(run_demo(out, size=SMALL if small else FULL, jobs=jobs, seed=seed, say=typer.echo)):
        typer.echo(line)
    typer.echo(f"everything: {out}; the report: {out / 'report/report.html'}")


def metrics_command(
    figures: Annotated[Path, typer.Option(help="Folder with zero_shot.json, loso/loso.json and the other figures.")],
    out: Annotated[Path, typer.Option("--out", help="The metrics.json to write, for `htnet export --metrics`.")],
) -> None:
    """The figures of a folder as a bundle's metrics.json.

    Example: `htnet microexpression metrics --figures runs/figures --out runs/metrics.json`
    """
    from model_training.microexpression.evaluation.bundle_metrics import metrics_of

    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps(metrics_of(figures), indent=1) + "\n", encoding="utf-8")
    typer.echo(f"wrote {out}")
