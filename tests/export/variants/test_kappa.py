from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from typer import Typer
from typer.testing import CliRunner

from export.variants.kappa import kappa_of, main
from model_training.data.cache import open_cache
from service.inference.bundle import load_bundle
from tests.model_training.caches import write_cache

SHIPPED = Path(__file__).resolve().parents[3] / "models" / "palsy"


def test_both_variants_are_judged_and_written_beside_the_other_figures(tmp_path: Path) -> None:
    bundle = tmp_path / "palsy"
    shutil.copytree(SHIPPED, bundle)
    before = json.loads((bundle / "metrics.json").read_text())
    cache = write_cache(tmp_path / "cache", people=6)
    app = Typer()
    app.command()(main)
    result = CliRunner().invoke(app, ["--bundle", str(bundle), "--cache", str(cache)])
    assert result.exit_code == 0, result.output
    after = json.loads((bundle / "metrics.json").read_text())
    people = open_cache(cache, kind="palsy")
    for variant in ("float32", "int8"):
        assert after[variant]["kappa"] == pytest.approx(kappa_of(load_bundle(bundle), variant, people), abs=1e-4)
    assert {name: value for name, value in after.items() if name not in ("float32", "int8")} == {
        name: value for name, value in before.items() if name not in ("float32", "int8")
    }
