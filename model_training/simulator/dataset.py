"""A data set of simulated photographs: images, true asymmetry maps and the sample table; parallel and resumable.

    OUT/samples.parquet                 the table (written at the end)
    OUT/dataset.json                    what was asked for, the format of maps and landmarks, the fingerprint
    OUT/images/p00000/000.jpg           photographs
    OUT/maps/p00000/000.png             asymmetry maps, 16 bit (asymmetry_map.py has the unit)
    OUT/parts/p00000.json               the rows of one finished person: what a second run does not do again

Every person has a random generator of their own, seeded by (seed, person), and every photograph one by (seed, person,
photograph): the same command gives the same files whatever the number of processes and machines (of one kind) and
however often it was stopped.
"""

from __future__ import annotations

import hashlib
import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import as_completed
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
from pydantic import Field, field_validator

from face.whole_file import write_text
from model_training.configuration import Configuration
from model_training.data.sample_table import SPLITS, write_table
from model_training.errors import Interrupted, TrainingError
from model_training.runtime.interruption import children_ignore_ctrl_c
from model_training.runtime.one_thread import one_blas_thread
from model_training.runtime.shard import Shard
from model_training.runtime.worker_pool import spawned_workers
from model_training.simulator.asymmetry_map import MAP_SIZE_PX, MAP_UNIT, encode_map
from model_training.simulator.head.anatomy import landmark_vertices
from model_training.simulator.head.head import HEAD_DATA, Head
from model_training.simulator.render.renderer import SHADERS, Renderer
from model_training.simulator.sensor import JPEG_QUALITY, encode_jpeg
from model_training.simulator.shot import photograph, sample_shot, sample_subject

DATASET_NAME = "simulated"
TABLE = "samples.parquet"
ROOM = Path(__file__).parent
# What lies in this room and decides nothing about a render: command line, preview, photographs, bake scripts.
NOT_OF_RENDERS = (
    "commands.py",
    "contact_sheet.py",
    "photographs/*",
    "occlusion/*",
    "sessions/*",
    "bake/*",
    "head/head_data/landmarks.npz",
)


class PeopleConfig(Configuration, ABC):
    """What every set of simulated people asks for."""

    identities: int = Field(ge=1)
    """Number of people."""
    seed: int = Field(default=0, ge=0)
    size_px: int = Field(default=384, ge=128, le=2048)
    split: str = ""
    """Written to every row; empty leaves it to training."""
    first_identity: int = Field(default=0, ge=0)
    """Number of the first person."""

    @field_validator("split")
    @classmethod
    def _known(cls, split: str) -> str:
        if split not in SPLITS:
            raise ValueError(f"must be train, validation, test or empty, got {split!r}")
        return split

    def person_ids(self) -> list[int]:
        return list(range(self.first_identity, self.first_identity + self.identities))

    @property
    @abstractmethod
    def photographs_per_person(self) -> int: ...

    @abstractmethod
    def simulator(self, out: Path) -> PersonSimulator:
        """What writes one person after the other."""

    def own_files(self) -> list[Path]:
        """Code beside that of renders which decides the content."""
        return []

    @abstractmethod
    def describe(self) -> Mapping[str, object]:
        """What readers of the set need to know, for its dataset.json."""


class SimulationConfig(PeopleConfig):
    """What to simulate."""

    images_per_identity: int = Field(ge=1)

    @property
    def photographs_per_person(self) -> int:
        return self.images_per_identity

    def simulator(self, out: Path) -> Simulator:
        return Simulator(out, self)

    def describe(self) -> Mapping[str, object]:
        return {
            "asymmetry_map": {
                "size_px": MAP_SIZE_PX,
                "unit": MAP_UNIT,
                "meaning": "count * unit = distance from the mirrored partner in inter-ocular distances",
            },
            "landmarks": list(landmark_vertices(Head.load())),
        }


def fingerprint(config: PeopleConfig) -> str:
    """SHA-256 over everything that decides the content of one person's files: settings, code, shaders and head data."""
    digest = hashlib.sha256()
    decisive = {key: value for key, value in config.to_dict().items() if key not in ("identities", "first_identity")}
    digest.update(json.dumps(decisive, sort_keys=True).encode())
    for path in (*files_of_renders(), *config.own_files()):
        digest.update(path.relative_to(ROOM).as_posix().encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()


def files_of_renders() -> list[Path]:
    """Every file of the simulator that decides what a render looks like: code, shaders, head data."""
    files = [*ROOM.rglob("*.py"), *SHADERS.iterdir(), *HEAD_DATA.iterdir()]
    return sorted(path for path in files if not any(path.match(name) for name in NOT_OF_RENDERS))


def person_name(number: int) -> str:
    return f"p{number:05d}"


class PersonSimulator(ABC):
    """Writes one person after the other. Holds the head and the OpenGL context of one process."""

    def __init__(self, out: Path, config: PeopleConfig) -> None:
        self.out = out
        self.head = Head.load()
        self.renderer = Renderer(self.head, size_px=config.size_px)

    @abstractmethod
    def simulate_person(self, number: int) -> list[dict[str, object]]:
        """Render all photographs of a person, write them and then their rows -> the rows."""

    def finish(self, number: int, rows: Sequence[Mapping[str, object]]) -> None:
        """Last and in one step: the part file says that everything of this person is there."""
        write_text(json.dumps(rows), self.out / "parts" / f"{person_name(number)}.json")


class Simulator(PersonSimulator):
    """Of single photographs, each a visit of its own."""

    def __init__(self, out: Path, config: SimulationConfig) -> None:
        super().__init__(out, config)
        self.config = config
        self.landmarks = list(landmark_vertices(self.head).values())

    def simulate_person(self, number: int) -> list[dict[str, object]]:
        config, name = self.config, person_name(number)
        subject = sample_subject(self.head, np.random.default_rng([config.seed, number]))
        for folder in ("images", "maps"):
            (self.out / folder / name).mkdir(parents=True, exist_ok=True)
        rows = []
        for index in range(config.images_per_identity):
            rng = np.random.default_rng([config.seed, number, index])
            shot = sample_shot(self.head, subject, rng)
            picture, asymmetry = photograph(self.renderer, shot, rng)
            image_path, map_path = f"images/{name}/{index:03d}.jpg", f"maps/{name}/{index:03d}.png"
            (self.out / image_path).write_bytes(encode_jpeg(picture, int(rng.integers(*JPEG_QUALITY))))
            (self.out / map_path).write_bytes(encode_map(asymmetry))
            points = shot.camera.project(self.head, shot.vertices, size_px=config.size_px)[self.landmarks, :2]
            rows.append(
                {
                    "sample_id": f"s{config.seed}-{name}-{index:03d}",
                    "person_id": f"s{config.seed}-{name}",
                    "path": image_path,
                    "split": config.split,
                    "dataset": DATASET_NAME,
                    "asymmetry_map": map_path,
                    **shot.row(),
                    "landmarks": [round(float(value), 2) for value in points.reshape(-1)],
                }
            )
        self.finish(number, rows)
        return rows


def simulate(
    out: Path,
    config: PeopleConfig,
    *,
    processes: int = 1,
    shard: Shard | None = None,
    on_progress: Callable[[int], object] | None = None,
) -> Path:
    """Write a data set -> path of its table. Persons that an earlier run finished are kept. shard: simulate only its
    people, and leave the table to a call without a shard.

    on_progress is called with the number of photographs that were added (or found finished).
    Raises TrainingError when OUT holds a data set of other settings, Interrupted on Ctrl-C (finished people are kept).
    """
    on_progress = on_progress or _ignore
    if processes < 1:
        raise TrainingError(f"--processes must be at least 1, got {processes}")
    _prepare(out, config)
    done = {int(path.stem[1:]) for path in (out / "parts").glob("p*.json")}
    everybody = config.person_ids()
    wanted = everybody if shard is None else shard.of(everybody)
    open_persons = [number for number in wanted if number not in done]
    on_progress((len(wanted) - len(open_persons)) * config.photographs_per_person)
    try:
        if processes == 1 or len(open_persons) < 2:
            _simulate_here(out, config, open_persons, on_progress)
        else:
            _simulate_in_processes(out, config, open_persons, processes, on_progress)
    except KeyboardInterrupt:
        raise Interrupted(f"Stopped. Finished people are kept in {out}; the same command goes on from there.") from None
    if shard is None:
        _write_table(out, config)
    return out / TABLE


def _ignore(images: int) -> None:
    del images


def _prepare(out: Path, config: PeopleConfig) -> None:
    (out / "parts").mkdir(parents=True, exist_ok=True)
    description = {
        "fingerprint": fingerprint(config),
        "config": config.to_dict(),
        **config.describe(),
        "licence": "CC0-1.0 (rendered from CC0 head data)",
    }
    path = out / "dataset.json"
    if path.exists():
        found = json.loads(path.read_text(encoding="utf-8"))
        if found.get("fingerprint") != description["fingerprint"]:
            raise TrainingError(
                f"{out} holds a simulated data set of other settings or of another version of the simulator; "
                "choose an empty folder or repeat the settings in its dataset.json"
            )
    write_text(json.dumps(description, indent=1), path)


def _simulate_here(out: Path, config: PeopleConfig, persons: list[int], on_progress: Callable[[int], object]) -> None:
    if not persons:
        return
    with one_blas_thread():
        simulator = config.simulator(out)
        try:
            for number in persons:
                simulator.simulate_person(number)
                on_progress(config.photographs_per_person)
        finally:
            simulator.renderer.close()


def _simulate_in_processes(
    out: Path, config: PeopleConfig, persons: list[int], processes: int, on_progress: Callable[[int], object]
) -> None:
    # A started process inherits no OpenGL context. A person whose process is ended has no part file yet.
    with spawned_workers(processes, initializer=_start_worker, initargs=(out, config)) as pool:
        with children_ignore_ctrl_c():
            running = [pool.submit(_work, number) for number in persons]
        for finished in as_completed(running):
            finished.result()
            on_progress(config.photographs_per_person)


_worker: PersonSimulator | None = None


def _start_worker(out: Path, config: PeopleConfig) -> None:
    """Each process has one simulator."""
    global _worker
    one_blas_thread()
    cv2.setNumThreads(1)
    _worker = config.simulator(out)


def _work(number: int) -> int:
    if _worker is None:
        raise RuntimeError("the worker process was not started by _start_worker")
    _worker.simulate_person(number)
    return number


def _write_table(out: Path, config: PeopleConfig) -> None:
    rows: list[dict[str, object]] = []
    for number in config.person_ids():
        rows += json.loads((out / "parts" / f"{person_name(number)}.json").read_text(encoding="utf-8"))
    write_table(pd.DataFrame(rows), out / TABLE)
