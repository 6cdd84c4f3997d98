"""A network and what is known about it -> a bundle directory, complete or not there at all.

The bundle is written beside its place, loaded and run as the service will, and only then moved into place.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from torch import Tensor

from export.bundle.content import BundleContent
from export.bundle.staging import staged
from export.bundle.texts import FLOAT_FILE, HALF_FILE, INT8_FILE, write_texts
from export.errors import ExportError
from export.graphs.networks import GraphNetwork
from export.graphs.onnx_graph import write_graph
from export.graphs.parity import Parity, check, compare, network_answers
from export.variants.float16 import write_float16
from export.variants.int8 import write_int8
from service.inference.bundle import MANIFEST_FILE, load_bundle
from service.inference.errors import BundleError
from service.inference.session import open_session

PARITY_SAMPLES = 8
HOW_TO_MEASURE = {
    "palsy": "Run `htnet palsy evaluate`",
    "microexpression": "Run `htnet microexpression metrics`",
    "palsy-session": "Run `htnet palsy judge-sessions`",
}


@dataclass(frozen=True)
class BundleReport:
    """parity: ONNX Runtime against torch; int8, float16: those graphs against torch, no bound of their own."""

    directory: Path
    parity: Parity
    int8: Parity | None
    float16: Parity | None
    bytes: dict[str, int]


def write_bundle(
    network: GraphNetwork,
    content: BundleContent,
    directory: Path,
    *,
    int8: bool = True,
    float16: bool = False,
    default_variant: Literal["float32", "int8"] | None = None,
    samples: Mapping[str, Tensor] | None = None,
) -> BundleReport:
    """Writes and verifies a bundle; an existing bundle in `directory` is replaced in one step.

    network: PalsyGraph or EmotionGraph (see export.graphs.networks). float16: also the variant that a service on a GPU
    takes. samples: inputs for the parity check, by default the network's own examples. Raises ExportError; whatever was
    at `directory` before is then still there.
    """
    if not content.metrics:
        raise ExportError(
            "the model has no metrics: a bundle without figures must not be served. "
            f"{HOW_TO_MEASURE[content.task]} and pass its metrics.json with --metrics."
        )
    if default_variant == "int8" and not int8:
        raise ExportError("default_variant is int8, but no int8 graph was asked for")
    directory = directory.resolve()
    if directory.is_file() or (directory.exists() and any(directory.iterdir()) and not _is_bundle(directory)):
        raise ExportError(f"{directory}: exists and is not a bundle; choose another folder or remove it first")
    examples = samples or network.example_inputs(PARITY_SAMPLES)
    arrays = {name: tensor.numpy() for name, tensor in examples.items()}
    with staged(directory) as staging:
        write_graph(network, inputs=examples, outputs=network.outputs, path=staging / FLOAT_FILE)
        expected = network_answers(network, arrays)
        parity = check(compare(expected, staging / FLOAT_FILE, arrays))
        int8_parity = None
        if int8:
            write_int8(staging / FLOAT_FILE, staging / INT8_FILE)
            int8_parity = compare(expected, staging / INT8_FILE, arrays)
        half_parity = None
        if float16:
            write_float16(staging / FLOAT_FILE, staging / HALF_FILE)
            half_parity = compare(expected, staging / HALF_FILE, arrays)
        export_figures = {
            name: found.as_dict()
            for name, found in (("parity", parity), ("int8", int8_parity), ("float16", half_parity))
            if found is not None
        }
        metrics = {**content.metrics, "export": export_figures}
        # What the graphs were made of, to train on from and to calibrate anew; the service never reads it.
        for name, file in content.weights.items():
            shutil.copyfile(file, staging / name)
        write_texts(staging, content, metrics, default_variant or ("int8" if int8 else "float32"))
        sizes = {path.name: path.stat().st_size for path in sorted(staging.iterdir())}
        try:
            bundle = load_bundle(staging)
            for variant in bundle.manifest.files:
                open_session(bundle, variant=variant)
        except BundleError as error:
            raise ExportError(f"the finished bundle does not pass the service's own check: {error}") from error
    return BundleReport(directory=directory, parity=parity, int8=int8_parity, float16=half_parity, bytes=sizes)


def _is_bundle(directory: Path) -> bool:
    return (directory / MANIFEST_FILE).exists()
