"""Configurations: strict about every type, and their faults told in sentences, all of them at once."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
from pydantic import Field, ValidationError

from export.bundle.metadata import Metadata
from model_training.configuration import Configuration, build, read_toml
from model_training.datasets.converters.column_map import ColumnMap, PathMap
from model_training.errors import TrainingError
from model_training.microexpression.config import training_config
from model_training.microexpression.folded.network import FoldedConfig
from model_training.microexpression.folded.training import TrainingConfig
from model_training.microexpression.simulation.simulated_flow import SimulationConfig as FlowSimulation
from model_training.palsy.losses import PalsyLossConfig
from model_training.simulator.dataset import SimulationConfig as FaceSimulation
from model_training.training.config import OptimisationConfig, TrainConfig

FEW = {"identities": 1, "images_per_identity": 1}
RUN = {"data": {"cache": "c"}, "model": {"name": "HTNet"}, "run": {"out": "o"}}

KEYS = "street, height_m, floors, share, rooms, names, lit, light, extras"


class Light(Configuration):
    power: Annotated[int, Field(ge=1)] = 1
    colour: Literal["red", "green", "blue"] = "red"
    """As seen from outside."""


class House(Configuration):
    street: str
    height_m: float = Field(default=8.0, gt=0.0)
    floors: int = Field(default=2, ge=1, le=5)
    share: float = Field(default=0.5, ge=0.0, lt=1.0)
    rooms: tuple[Annotated[int, Field(ge=1)], Annotated[int, Field(ge=1)]] = Field(default=(3, 3), strict=False)
    names: tuple[str, ...] = Field(default=(), strict=False)
    lit: bool = False
    light: Light = Light()
    extras: Mapping[str, Any] = Field(default_factory=dict)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"floor": 3}, f"unknown key 'floor'; known here: {KEYS}. Did you mean 'floors'?"),
        ({"light": {"powr": 3}}, "unknown key 'light.powr'; known here: power, colour. Did you mean 'power'?"),
        ({"colour": 3}, f"unknown key 'colour'; known here: {KEYS}. Did you mean 'light.colour'?"),
        ({"zzz": 3}, f"unknown key 'zzz'; known here: {KEYS}"),
        ({"street": 3}, "'street' must be str, got 3"),
        ({"height_m": "8"}, "'height_m' must be float, got '8'"),
        ({"height_m": True}, "'height_m' must be float, got True"),
        ({"height_m": 0}, "height_m must be positive, got 0"),
        ({"floors": 2.0}, "'floors' must be int, got 2.0"),
        ({"floors": True}, "'floors' must be int, got True"),
        ({"floors": 6}, "floors must lie in [1, 5], got 6"),
        ({"share": 1.0}, "share must lie in [0.0, 1.0), got 1.0"),
        ({"share": float("nan")}, "share must lie in [0.0, 1.0), got nan"),
        ({"rooms": 3}, "'rooms' must be a list, got 3"),
        ({"rooms": [3, 0]}, "rooms must be at least 1, got 0"),
        ({"rooms": [3]}, "'rooms' must be 2 values, got [3]"),
        ({"rooms": []}, "'rooms' must be 2 values, got []"),
        ({"rooms": [1, 2, 3]}, "'rooms' must be 2 values, got [1, 2, 3]"),
        ({"names": ["a", 3]}, "'names' must be str, got 3"),
        ({"lit": 1}, "'lit' must be bool, got 1"),
        ({"light": 3}, "'light' must be a section, got 3"),
        ({"light": {"colour": "pink"}}, "'light.colour' must be one of 'red', 'green', 'blue', got 'pink'"),
        ({"extras": 3}, "'extras' must be a section, got 3"),
    ],
)
def test_a_fault_is_one_sentence(values: dict[str, Any], message: str) -> None:
    with pytest.raises(TrainingError) as raised:
        build(House, {"street": "s", **values}, source="house.toml")
    assert str(raised.value) == f"house.toml: {message}"


def test_all_faults_are_told_at_once_and_misspelt_keys_first() -> None:
    with pytest.raises(TrainingError) as raised:
        build(House, {"floors": 0, "stret": "s", "light": {"power": "much"}}, source="house.toml", section="house.")
    assert str(raised.value).splitlines() == [
        f"house.toml: unknown key 'house.stret'; known here: {KEYS}. Did you mean 'street'?",
        "house.toml: missing key 'house.street'",
        "house.toml: house.floors must lie in [1, 5], got 0",
        "house.toml: 'house.light.power' must be int, got 'much'",
    ]


def test_what_is_no_mapping_is_refused_too() -> None:
    with pytest.raises(TrainingError, match=r"^x\.pt: 'the configuration' must be a section, got None$"):
        build(House, None, source="x.pt")  # type: ignore[arg-type]  # what a damaged checkpoint may hold
    with pytest.raises(TrainingError, match=r"^'loss' must be a section, got 3$"):
        build(PalsyLossConfig, 3, section="loss.")  # type: ignore[arg-type]


def test_whole_numbers_and_lists_are_taken_as_toml_writes_them() -> None:
    house = build(House, {"street": "s", "height_m": 9, "rooms": [1, 2], "names": ["a"]})
    assert (repr(house.height_m), house.rooms, house.names) == ("9.0", (1, 2), ("a",))
    plain = house.to_dict()
    assert (plain["rooms"], plain["names"], plain["light"]) == ([1, 2], ["a"], {"power": 1, "colour": "red"})
    assert build(House, plain) == house


def test_a_configuration_is_frozen_and_a_change_is_checked() -> None:
    house = House(street="s")
    with pytest.raises(ValidationError):
        house.floors = 3  # type: ignore[misc]
    assert house.changed(floors=3) == House(street="s", floors=3)
    assert house.changed(light=house.light.changed(power=4)).light.power == 4
    with pytest.raises(ValidationError):
        house.changed(floors=6)
    with pytest.raises(ValidationError):
        house.changed(floor=3)


def test_the_text_under_a_field_describes_it() -> None:
    assert Light.model_fields["colour"].description == "As seen from outside."


@pytest.mark.parametrize(
    ("kind", "values", "message"),
    [
        (
            TrainConfig,
            {**RUN, "optimisation": {"epochs": 3, "warmup_epochs": 4}},
            "optimisation.warmup_epochs must lie in [0.0, 3.0], from none to all epochs, got 4.0",
        ),
        (
            TrainConfig,
            {**RUN, "data": {"cache": "c", "labels": ["I"]}},
            "data.labels needs at least two labels, got ['I']",
        ),
        (TrainConfig, {**RUN, "augmentation": {"shift_px": 17}}, "augmentation.shift_px must lie in [0, 16], got 17"),
        (
            TrainConfig,
            {**RUN, "optimisation": {"learning_rate": 0}},
            "optimisation.learning_rate must lie in [1e-09, 10.0], got 0",
        ),
        (PalsyLossConfig, {"grade": -1}, "grade must not be negative, got -1"),
        (PalsyLossConfig, {"class_smoothing": 0.5}, "class_smoothing must lie in [0.0, 0.5), got 0.5"),
        (
            TrainingConfig,
            {"model": {"position": "sinus"}},
            "'model.position' must be one of 'token', 'scalar', got 'sinus'",
        ),
        (TrainingConfig, {"model": {"block_repeats": [1, 1]}}, "'model.block_repeats' must be 3 values, got [1, 1]"),
        (
            TrainingConfig,
            {"input": "published_boxes", "shift_px": 1},
            "shift_px must be 0, got 1: the fixed boxes of the published setting are not shifted",
        ),
        (
            TrainingConfig,
            {"input": "holes"},
            "'input' must be one of 'whole', 'standardised', 'published_boxes', got 'holes'",
        ),
        (FlowSimulation, {"class_shares": [0.5, 0.5, 0.5]}, "class_shares must add up to 1, got [0.5, 0.5, 0.5]"),
        (
            FaceSimulation,
            {**FEW, "split": "training"},
            "split must be train, validation, test or empty, got 'training'",
        ),
        (FaceSimulation, {**FEW, "size_px": 64}, "size_px must lie in [128, 2048], got 64"),
        (
            ColumnMap,
            {"columns": {"label": "x"}, "path": {"template": "a"}},
            "columns must name 'person' (splits are by patient), got label",
        ),
        (
            Metadata,
            {"name": "a", "version": "1", "description": "d", "training_data": "t", "thresholds": "high"},
            "'thresholds' must be a section, got 'high'",
        ),
    ],
)
def test_each_configuration_says_what_it_takes(kind: type[Configuration], values: dict[str, Any], message: str) -> None:
    with pytest.raises(TrainingError) as raised:
        build(kind, values)
    assert str(raised.value) == message


def test_a_wrong_number_of_epochs_is_not_told_twice() -> None:
    with pytest.raises(TrainingError, match=r"^optimisation\.epochs must lie in \[1, 1000000\], got 0$"):
        build(TrainConfig, {**RUN, "optimisation": {"epochs": 0}})


@pytest.mark.parametrize(
    "config",
    [
        OptimisationConfig(epochs=3),
        PalsyLossConfig(kind="cross-entropy", grade=2),
        TrainingConfig(model=FoldedConfig(block_repeats=(1, 2, 3))),
        FlowSimulation(class_shares=(0.5, 0.25, 0.25)),
        FaceSimulation(identities=2, images_per_identity=3),
        ColumnMap(columns={"person": "p", "label": "l"}, path=PathMap(template="t")),
    ],
    ids=lambda config: type(config).__name__,
)
def test_what_a_checkpoint_holds_gives_the_same_configuration(config: Configuration) -> None:
    plain = config.to_dict()
    assert build(type(config), plain) == config
    assert build(type(config), plain).to_dict() == plain


def test_a_flow_experiment_names_file_section_and_key(tmp_path: Path) -> None:
    path = tmp_path / "flow.toml"
    for text, message in (
        ("[training]\nepoch = 3", r"flow\.toml: unknown key 'training\.epoch'; known here: .* Did you mean 'epochs'\?"),
        ("[training.model]\ndim = 0", r"flow\.toml: training\.model\.dim must be at least 1, got 0"),
        ("[trainin]\nepochs = 3", r"flow\.toml: unknown key 'trainin'; .* Did you mean 'training'\?"),
        ("[simulation]\nper_person = 3", r"flow\.toml: has no section \[training\]"),
        (
            "[run]\nout = 'o'",
            r"flow\.toml: has \[run\], so it is a configuration of `train` or `crossval`; this command",
        ),
    ):
        path.write_text(text, encoding="utf-8")
        with pytest.raises(TrainingError, match=message):
            training_config(path)
    with pytest.raises(TrainingError, match="no such configuration"):
        read_toml(tmp_path / "absent.toml")
