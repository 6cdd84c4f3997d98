"""Write the locks requirements/*.txt from pyproject.toml and the environment that runs this script.

The locks hold the whole closure with exact versions and are installed with ``pip install --no-deps``: mediapipe asks
for an OpenCV wheel with windows, for which a server lacks the libraries, so a resolver must not be asked. What is added
and left out on purpose is in ``CV2_PROVIDER`` and ``LEFT_OUT``, with the reason.

Run it with ``make lock`` after installing a new version into the environment, with the oldest Python that the locks
serve: a release that a newer one alone can install must not get in. ``tests/ops/test_locks.py`` checks the result.
"""

from __future__ import annotations

import sys
import tomllib
from collections.abc import Iterable
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[1]

PYTHON_VERSIONS = ("3.11", "3.12", "3.13", "3.14")

# The wheel's metadata names none (see pyproject.toml); where the locks are installed, this is the one that brings cv2.
CV2_PROVIDER = "opencv-python-headless"
LEFT_OUT = {
    "opencv-python": f"{CV2_PROVIDER} is the one cv2 provider",
    "opencv-contrib-python": f"{CV2_PROVIDER} is the one cv2 provider",
    "sounddevice": "mediapipe's audio tasks only; never imported for faces",
    "pip": "the environment brings its own",
    "htnet-clinical": "this project; its extras are named below",
}
# Asked for by CUDA builds of torch alone; the Makefile lets pip add them where torch is such a build.
LEFT_OUT_OF_TORCH = ("nvidia-", "cuda-", "triton")
GPU_REPLACES = "onnxruntime"

# Lock -> extras of pyproject.toml, beside the project's own dependencies.
LOCKS: dict[str, tuple[str, ...]] = {
    "service": (),
    "dev": ("train", "export", "dicom-sr", "ray", "mlflow", "wandb", "dev", "docs"),
}


def read_requirements() -> tuple[dict[str, list[str]], list[str]]:
    """Of pyproject.toml: extra -> requirement strings, ``""`` being the project's own dependencies; the group gpu."""
    with (ROOT / "pyproject.toml").open("rb") as file:
        content = tomllib.load(file)
    project = content["project"]
    requirements = {"": [*project["dependencies"], CV2_PROVIDER], **project["optional-dependencies"]}
    return requirements, content["dependency-groups"]["gpu"]


def closure(requirements: Iterable[str]) -> dict[str, str]:
    """Canonical name -> ``Name==version`` of everything that ``requirements`` need, as installed here.

    Raises SystemExit naming the package if something that is needed is not installed.
    """
    pins: dict[str, str] = {}
    seen: set[tuple[str, frozenset[str]]] = set()
    queue = [(Requirement(text), "pyproject.toml") for text in requirements]
    while queue:
        requirement, wanted_by = queue.pop()
        name = canonicalize_name(requirement.name)
        key = (name, frozenset(requirement.extras))
        if name in LEFT_OUT or (wanted_by == "torch" and name.startswith(LEFT_OUT_OF_TORCH)) or key in seen:
            continue
        seen.add(key)
        try:
            distribution = metadata.distribution(name)
        except metadata.PackageNotFoundError:
            sys.exit(f"{name} (wanted by {wanted_by}) is not installed: pip install --no-deps {name}")
        # A local version such as 2.13.0+cpu names a build, not a release: another machine may have another build.
        version = distribution.version.split("+", 1)[0]
        pins[name] = f"{distribution.metadata['Name']}=={version}"
        for text in distribution.requires or []:
            needed = Requirement(text)
            environments = [
                {"extra": extra, "python_version": version, "python_full_version": f"{version}.0"}
                for extra in ("", *requirement.extras)
                for version in PYTHON_VERSIONS
            ]
            if needed.marker is None or any(needed.marker.evaluate(environment) for environment in environments):
                queue.append((needed, name))
    return pins


def write_lock(name: str, pins: dict[str, str], wanted: str) -> None:
    """Write one lock file, sorted by canonical name."""
    served = f"{PYTHON_VERSIONS[0]} to {PYTHON_VERSIONS[-1]}"
    header = [
        f"# {wanted} of pyproject.toml, with all that these need, for CPython {served} on Linux x86-64.",
        "# Written by `make lock`. Install with --no-deps: exactly one cv2 provider and one onnxruntime may remain.",
    ]
    lines = [*header, *(pins[key] for key in sorted(pins))]
    (ROOT / "requirements" / f"{name}.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    print(f"requirements/{name}.txt")


def main() -> None:
    """Write every lock."""
    requirements, gpu = read_requirements()
    for name, extras in LOCKS.items():
        wanted = f"Dependencies and extras {', '.join(extras)}" if extras else "Dependencies"
        write_lock(name, closure(text for extra in ("", *extras) for text in requirements[extra]), wanted)
    pins = {name: pin for name, pin in closure(requirements[""]).items() if name != GPU_REPLACES}
    pins |= {canonicalize_name(Requirement(text).name): text for text in gpu}
    write_lock("gpu", pins, "Dependencies and group gpu")


if __name__ == "__main__":
    main()
