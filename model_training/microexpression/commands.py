"""Micro-expressions from flow images: the reference trained on simulated people, calibrated, fine-tuned, judged, and
leave-one-subject-out. `simulate_command` makes the simulated people."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from model_training.command_options import progress_bar
from model_training.errors import TrainingError
from model_training.shard_options import RayAddress, ShardText, on_ray, share_of_work

Data = Annotated[Path, typer.Option("--data", help="Folder of the published flow images, or an .npz flow cache.")]
ConfigFile = Annotated[
    Path, typer.Option("--config", help="TOML: sections [training], [training.model], [simulation].")
]
Out = Annotated[Path, typer.Option("--out", help="Where the results go.")]


def loso_command(
    data: Data,
    config: Annotated[
        list[Path],
        typer.Option(help="TOML as above. Repeatable: the first is reported, protocol (c) chooses among all of them."),
    ],
    out: Out,
    seeds: Annotated[int, typer.Option(help="Number of seeds, at least 5 for a report.", min=1)] = 5,
    processes: Annotated[int, typer.Option(help="Processes that share the folds.", min=1)] = 1,
    initial: Annotated[
        Path | None, typer.Option(help="Checkpoint of `htnet microexpression reference` to start every fold from.")
    ] = None,
    held_out_seeds: Annotated[
        int | None,
        typer.Option(help="Seeds of protocol (c), a run of its own each; default: all, 0: leave it out.", min=0),
    ] = None,
    shuffled: Annotated[bool, typer.Option(help="Run the control with shuffled labels (one seed).")] = True,
    shard: ShardText = None,
    ray: RayAddress = None,
) -> None:
    """Leave-one-subject-out: protocols (a) paper, (b) fixed final epoch, (c) held-out subjects, side by side.
    Resumable.

    Example: `htnet microexpression loso --data FLOW --config configs/microexpression.toml --initial reference.pt
    --out runs/loso`
    """
    from model_training.microexpression.config import training_config
    from model_training.microexpression.evaluation.report import loso_report, write_report
    from model_training.microexpression.folded.loso import LosoRun, run_all
    from model_training.microexpression.published_flow import load_flow

    kept_seeds = seeds if held_out_seeds is None else held_out_seeds
    if len(config) > 1 and kept_seeds == 0:
        raise TrainingError(
            f"--config {config[1]} would have no effect: only protocol (c) chooses among configurations, and "
            "--held-out-seeds 0 leaves it out"
        )
    share = share_of_work(shard, ray)
    trainings = [training_config(path) for path in config]
    start = "" if initial is None else str(initial)
    if initial is not None and not initial.is_file():
        raise TrainingError(f"{initial}: no such checkpoint; make one with `htnet microexpression reference`")

    plain = [LosoRun(config=trainings[0], seed=seed, initial=start) for seed in range(seeds)]
    held_out = [
        LosoRun(config=training, seed=seed, held_out=True, initial=start)
        for seed in range(kept_seeds)
        for training in trainings
    ]
    controls = [LosoRun(config=trainings[0], seed=0, shuffle=True, initial=start)] if shuffled else []
    runs = [*plain, *held_out, *controls]
    parts = out / "parts"
    if ray is not None:
        chunks = sum(run.chunks(load_flow(data)) for run in runs)
        on_ray(ray, lambda part: run_all(data, runs, out=parts, shard=part), folder=parts, units=chunks)
    with progress_bar("chunks") as bar:
        everything = run_all(
            data,
            runs,
            out=parts,
            processes=processes,
            shard=share,
            progress=lambda line: bar.say(line, err=True),
            on_chunk=bar.at,
        )
    if share is not None:
        left = sum(one is None for one in everything)
        whether = f"{left} of {len(everything)} runs wait for other shards" if left else "every run is complete"
        typer.echo(f"shard {share} is done in {parts}; {whether}. Without --shard the command writes the report.")
        return
    complete = [one for one in everything if one is not None]
    results, control = complete[:seeds], complete[len(runs) - len(controls) :]
    kept_of = iter(complete[seeds:])
    kept = [[next(kept_of) for _ in trainings] for _ in range(kept_seeds)]
    about = {"config": trainings[0].to_dict(), "initial": "" if initial is None else initial.name, "seeds": seeds}
    report = loso_report(
        results, kept, control, load_flow(data), configurations=[path.stem for path in config], about=about
    )
    write_report(report, out)
    for name, protocol in report["protocols"].items():
        single, both = protocol["single"]["full"], protocol["ensemble"]["full"]
        typer.echo(
            f"({name}) {protocol['meaning']}: single {single['uf1']:.3f}/{single['uar']:.3f}, "
            f"ensemble {both['uf1']:.3f}/{both['uar']:.3f}"
        )
    baseline = report["baseline"]["scores"]["full"]
    typer.echo(f"baseline, {report['baseline']['meaning']}: {baseline['uf1']:.3f}/{baseline['uar']:.3f}")
    for name, score in report.get("shuffled_labels", {}).items():
        typer.echo(f"({name}) shuffled labels: {score['uf1']:.3f}/{score['uar']:.3f}")
    typer.echo(f"report: {out / 'loso.json'}")


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

    Example: `htnet simulate microexpressions --people 150 --seed 1 --out runs/flow.npz`
    """
    import numpy as np

    from face.microexpression.spec import MicroExpressionSpec
    from model_training.microexpression.config import simulation_config
    from model_training.microexpression.simulation.simulated_flow import SimulationConfig, simulate_people

    simulation = simulation_config(config) if config is not None else SimulationConfig()
    parts = []
    with progress_bar("people", total=people) as bar:
        for part in simulate_people(MicroExpressionSpec(), simulation, people=range(first, first + people), seed=seed):
            parts.append(part)
            bar.advance()
    out.parent.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(
        out,
        allow_pickle=False,
        **{name: np.concatenate([part[name] for part in parts]) for name in ("flow", "label", "person")},
    )
    typer.echo(f"{sum(len(part['label']) for part in parts)} flow images of {people} people in {out}")


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
) -> None:
    """Train the ensemble on simulated flow alone.

    Example: `htnet microexpression reference --simulated runs/flow.npz --config
    configs/microexpression_reference.toml --out runs/reference.pt`
    """
    from face.microexpression.spec import MicroExpressionSpec
    from model_training.microexpression.config import training_config
    from model_training.microexpression.folded.reference import load_simulated, train_reference
    from model_training.training.checkpoint import save_atomically

    training = training_config(config)
    with progress_bar("epochs", total=training.epochs) as bar:

        def say(epoch: int, accuracy: float) -> None:
            bar.say(f"epoch {epoch}: {accuracy:.3f} right of held-out simulated people (first member)")
            bar.advance()

        checkpoint = train_reference(
            training,
            load_simulated(simulated),
            members=members,
            seed=seed,
            spec=MicroExpressionSpec(),
            progress=say,
        )
    save_atomically(checkpoint, out)
    typer.echo(json.dumps(checkpoint["calibration"]))
    typer.echo(f"wrote {out}")


def calibrate_command(
    checkpoint: Annotated[Path, typer.Option(help="Checkpoint of `htnet microexpression reference`.")],
    simulated: Annotated[
        list[Path], typer.Option("--simulated", help="Simulated people who were not trained on. Repeatable.")
    ],
    data: Data,
    out: Annotated[Path, typer.Option("--out", help="The checkpoint to write.")],
) -> None:
    """A temperature for real clips from their images alone: no label is read.

    Example: `htnet microexpression calibrate --checkpoint runs/reference.pt --simulated
    runs/others.npz --data FLOW --out runs/calibrated.pt`
    """
    from model_training.microexpression.evaluation.degraded_calibration import calibrate_by_confidence
    from model_training.microexpression.folded.reference import load_reference, load_simulated
    from model_training.microexpression.published_flow import load_flow
    from model_training.training.checkpoint import save_atomically

    made = calibrate_by_confidence(load_reference(checkpoint), load_simulated(simulated), load_flow(data).images)
    save_atomically(made, out)
    typer.echo(json.dumps(made["calibration"]))
    typer.echo(f"wrote {out}")


def finetune_command(
    checkpoint: Annotated[Path, typer.Option(help="Checkpoint of `htnet microexpression reference`.")],
    data: Data,
    config: ConfigFile,
    out: Annotated[Path, typer.Option("--out", help="The checkpoint to write.")],
    seed: Annotated[int, typer.Option(help="Seed of the training.")] = 0,
) -> None:
    """Train a reference checkpoint on with ALL real clips, for those who hold the data. Its estimate is `loso` with
    the same configuration.

    Example: `htnet microexpression finetune --checkpoint runs/reference.pt --data FLOW --config
    configs/microexpression.toml --out runs/tuned.pt`
    """
    from model_training.microexpression.config import training_config
    from model_training.microexpression.folded.reference import fine_tune_on_all, load_reference
    from model_training.microexpression.published_flow import load_flow
    from model_training.training.checkpoint import save_atomically

    training, clips = training_config(config), load_flow(data)
    with progress_bar("epochs", total=training.epochs) as bar:
        tuned = fine_tune_on_all(
            training, load_reference(checkpoint), clips, seed=seed, on_epoch=lambda _number, _weights: bar.advance()
        )
    save_atomically(tuned, out)
    typer.echo(f"trained on {len(clips)} real clips; the weights carry the licence of that data: wrote {out}")


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
