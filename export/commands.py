"""The command that makes a bundle: `htnet export` and `python -m export`. Heavy imports (torch, onnx) happen inside,
so that `--help` answers at once."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from export.errors import ExportError


def export_command(
    checkpoint: Annotated[
        list[Path], typer.Option(help="Checkpoint; several micro-expression checkpoints become one ensemble.")
    ],
    out: Annotated[Path, typer.Option(help="Bundle folder, e.g. models/palsy; an older bundle there is replaced.")],
    visibility: Annotated[
        Path | None, typer.Option(help="Visibility head of `htnet palsy train-visibility`, for a palsy bundle.")
    ] = None,
    int8: Annotated[
        bool | None, typer.Option("--int8/--no-int8", help="Also write the 8-bit variant (default: where it gains).")
    ] = None,
    float16: Annotated[bool, typer.Option(help="Also write the half-precision variant, for GPUs.")] = False,
    default_variant: Annotated[
        str | None, typer.Option(help="What the service runs: float32 or int8 (default: int8 where there is one).")
    ] = None,
    metadata: Annotated[
        Path | None, typer.Option(help="TOML with name, version, description, training_data, ...")
    ] = None,
    metrics: Annotated[
        Path | None, typer.Option(help="metrics.json of `evaluate`; default: the checkpoint's own.")
    ] = None,
    card: Annotated[Path | None, typer.Option(help="MODEL_CARD.md to take in place of a generated one.")] = None,
) -> None:
    """Checkpoint -> ONNX graph -> parity check against torch -> verified bundle, for every task.

    Example: `htnet export --checkpoint runs/mine/best.pt --out runs/models/palsy --metrics
    runs/mine/report/metrics.json`
    """
    variant: Literal["float32", "int8"] | None = None
    if default_variant in ("float32", "int8"):
        variant = default_variant  # type: ignore[assignment]  # mypy narrows no str by membership
    elif default_variant is not None:
        raise ExportError(f"--default-variant must be float32 or int8, got {default_variant!r}")
    import torch

    from export.bundle.metadata import read_metadata
    from export.checkpoint_bundle import export_checkpoint

    torch.set_num_threads(1)
    report = export_checkpoint(
        checkpoint,
        out,
        visibility=visibility,
        metadata=read_metadata(metadata) if metadata is not None else None,
        metrics_file=metrics,
        card_file=card,
        int8=int8,
        float16=float16,
        default_variant=variant,
    )
    for name, size in report.bytes.items():
        typer.echo(f"{name}: {size:,} bytes")
    typer.echo(
        f"torch against ONNX Runtime: max abs difference {report.parity.worst:.2e} over {report.parity.samples} inputs"
    )
    for name, difference in report.int8.max_difference.items() if report.int8 else ():
        typer.echo(f"int8 against torch: {name} {difference:.3f}")
    typer.echo(f"bundle: {report.directory}")
