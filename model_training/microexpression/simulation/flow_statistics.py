"""Do simulated flow images look like the published ones? Statistics of images alone: no label is read.

Per channel the mean grey level, its deviation, quantiles, the shares of power by frequency, and the maps of where
motion and strain lie; and one number for all of it: how well a linear classifier on such statistics tells real from
simulated (area under its curve, 5-fold: .5 = cannot, 1 = always).
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

CHANNELS = ("u", "v", "strain")
QUANTILES = (2, 10, 25, 50, 75, 90, 98)
# Cycles an image: slow motion of the whole face up to single pixels.
BANDS = ((1, 2), (2, 3), (3, 5), (5, 8), (8, 12), (12, 21))


def centred(images: np.ndarray) -> np.ndarray:
    """(N, 28, 28, 3) -> float32, each channel of each image with median 0 and deviation 1."""
    values = images.astype(np.float32)
    return np.asarray((values - np.median(values, (1, 2), keepdims=True)) / (values.std((1, 2), keepdims=True) + 1e-6))


def band_shares(images: np.ndarray) -> np.ndarray:
    """(N, 28, 28, 3) -> (N, 3, bands): share of each channel's power by frequency, the mean left out."""
    values = images.astype(np.float32)
    power = np.abs(np.fft.fft2(values - values.mean((1, 2), keepdims=True), axes=(1, 2))) ** 2
    cycles = np.fft.fftfreq(images.shape[1]) * images.shape[1]
    radius = np.hypot(cycles[:, None], cycles)
    shares = [power[:, (radius >= low) & (radius < high)].sum(1) for low, high in BANDS]
    return np.asarray(np.stack(shares, -1) / (power.sum((1, 2))[..., None] + 1e-6))


def features(images: np.ndarray) -> np.ndarray:
    """(N, 28, 28, 3) -> (N, F): what the classifier may look at."""
    count = len(images)
    quantiles = np.percentile(images.reshape(count, -1, 3), QUANTILES, axis=1).transpose(1, 2, 0)
    quantiles = quantiles - np.median(images.reshape(count, -1, 3), axis=1)[..., None]
    places = np.abs(centred(images)).reshape(count, 4, 7, 4, 7, 3).mean((2, 4))
    parts = (np.sign(quantiles) * np.log1p(np.abs(quantiles)), np.log(band_shares(images) + 1e-4), places)
    return np.concatenate([part.reshape(count, -1) for part in parts], axis=1)


def told_apart(real: np.ndarray, simulated: np.ndarray) -> float:
    """Area under the curve of real against simulated images, cross-validated."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import roc_auc_score
    from sklearn.model_selection import cross_val_predict
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    inputs = np.concatenate([features(real), features(simulated)])
    truth = np.repeat([1, 0], [len(real), len(simulated)])
    classifier = make_pipeline(StandardScaler(), LogisticRegression(C=0.05, max_iter=500, class_weight="balanced"))
    return float(roc_auc_score(truth, cross_val_predict(classifier, inputs, truth, cv=5, method="predict_proba")[:, 1]))


def statistics_of(images: np.ndarray) -> dict[str, Any]:
    """JSON-able statistics of (N, 28, 28, 3) uint8, means over the images."""
    flat = images.reshape(len(images), -1, 3).astype(np.float32)
    quantiles = np.percentile(flat, QUANTILES, axis=1).mean(1)
    shares = band_shares(images).mean(0)
    table: dict[str, Any] = {"images": len(images)}
    for number, name in enumerate(CHANNELS):
        table[name] = {
            "mean": round(float(flat[..., number].mean()), 1),
            "deviation": round(float(flat[..., number].std(1).mean()), 1),
            "quantiles": {str(q): round(float(v), 1) for q, v in zip(QUANTILES, quantiles[:, number], strict=True)},
            "power_by_cycles": {
                f"{low}-{high}": round(float(share), 3)
                for (low, high), share in zip(BANDS, shares[number], strict=True)
            },
        }
    return table


def write_statistics(real: dict[str, np.ndarray], simulated: dict[str, np.ndarray], out: Path) -> dict[str, Any]:
    """Sets by name -> flow_statistics.json and flow_statistics.png in `out`; every simulated set is told from every
    real one."""
    out.mkdir(parents=True, exist_ok=True)
    report: dict[str, Any] = {
        "sets": {name: statistics_of(images) for name, images in {**real, **simulated}.items()},
        "told_apart_auc": {
            name: {other: round(told_apart(images, made), 3) for other, images in real.items()}
            for name, made in simulated.items()
        },
    }
    (out / "flow_statistics.json").write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    _draw({**real, **simulated}, out / "flow_statistics.png")
    return report


def _draw(sets: dict[str, np.ndarray], path: Path) -> None:
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(3, len(sets), figsize=(1.6 * len(sets), 5), layout="constrained", squeeze=False)
    for column, (name, images) in enumerate(sets.items()):
        values = centred(images)
        maps = (values[..., 0].std(0), values[..., 1].std(0), values[..., 2].mean(0))
        for row, (title, picture) in enumerate(zip(("u deviates", "v deviates", "strain"), maps, strict=True)):
            axes[row, column].imshow(picture)
            axes[row, column].set_title(name if row == 0 else "", fontsize=8)
            axes[row, column].set_xticks([])
            axes[row, column].set_yticks([])
            axes[row, column].set_ylabel(title if column == 0 else "", fontsize=8)
    figure.savefig(path, dpi=90)
    pyplot.close(figure)
