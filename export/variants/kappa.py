"""What a smaller variant of a palsy bundle costs: kappa of each variant on the same people.

    python -m export.variants.kappa --bundle models/palsy --cache runs/sim-test-cache

writes `float32` and `int8`, each with a `kappa`, into the bundle's metrics.json.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from face.palsy.decoding import PalsyCalibration, decode
from model_training.data.cache import Cache, open_cache
from model_training.errors import TrainingError
from model_training.metrics.classification import quadratic_weighted_kappa
from model_training.palsy.evaluation.figures import REST_POSES
from service.inference.bundle import METRICS_FILE, Bundle, load_bundle
from service.inference.errors import BundleError
from service.inference.manifest import PalsyManifest, Variant
from service.inference.session import open_session

# One photograph at a time, as the service runs it: quantised activations take their range from the batch.
VARIANTS: tuple[Variant, ...] = ("float32", "int8")


def kappa_of(bundle: Bundle, variant: Variant, cache: Cache) -> float:
    """Quadratic weighted kappa of one variant's grades over the movement poses of a cache."""
    session = open_session(bundle, provider="cpu", threads=1, variant=variant)
    calibration = PalsyCalibration.from_dict(bundle.manifest.calibration.model_dump())
    rows = np.flatnonzero(~cache.frame["pose"].isin(REST_POSES).to_numpy())
    predicted = []
    for row in rows:
        inputs = {name: np.array(cache.arrays[name][row : row + 1]) for name in ("images", "landmarks")}
        outputs = session.run(inputs)
        predicted.append(decode(outputs["grade_logits"], outputs["side_logits"], calibration=calibration)[0].index)
    truth = cache.frame["label"].to_numpy()[rows] - 1
    return float(quadratic_weighted_kappa(truth, np.asarray(predicted), classes=6))


def main(
    bundle: Annotated[Path, typer.Option(help="Palsy bundle; its metrics.json gets the figures.")],
    cache: Annotated[Path, typer.Option(help="Cache of people that training never saw.")],
) -> None:
    """Kappa of the float32 and the int8 graph on the same people."""
    try:
        loaded = load_bundle(bundle)
        if not isinstance(loaded.manifest, PalsyManifest):
            raise typer.BadParameter(f"{bundle} is a bundle for {loaded.manifest.task}, not for palsy")
        people = open_cache(cache, kind="palsy", fingerprint=loaded.manifest.input.fingerprint)
    except (BundleError, TrainingError) as error:
        raise typer.BadParameter(str(error)) from error
    path = bundle / METRICS_FILE
    metrics = json.loads(path.read_text(encoding="utf-8"))
    for variant in VARIANTS:
        metrics[variant] = {"kappa": round(kappa_of(loaded, variant, people), 4)}
        typer.echo(f"{variant}: kappa {metrics[variant]['kappa']:.4f}")
    path.write_text(json.dumps(metrics, indent=1) + "\n", encoding="utf-8")
    typer.echo(f"wrote {path}")


if __name__ == "__main__":
    typer.run(main)
