"""Adds the shipped bundles and the demo's configuration to the wheel; everything else about the package is in
pyproject.toml.

They lie in models/ and configs/, outside every package, because people read and replace them there. An installed
program looks for them inside itself, so the build copies them. An editable installation reads them where they lie.
"""

from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

ROOT = Path(__file__).parent
MODELS = ROOT / "models"
DEMO = ("configs/demo.toml", "model_training/palsy/inference/demo.toml")
# Checkpoints stay behind: only training reads them, and they would double the wheel.
KINDS = (".json", ".md", ".onnx")


class BuildWithBundles(build_py):
    def run(self) -> None:
        super().run()
        if self.editable_mode:
            return
        self.copy_file(str(ROOT / DEMO[0]), str(Path(self.build_lib) / DEMO[1]))
        manifests = sorted(MODELS.glob("*/manifest.json"))
        if not manifests:
            raise FileNotFoundError(f"{MODELS} has no bundle: the wheel is built from a whole checkout")
        for bundle in (manifest.parent for manifest in manifests):
            target = Path(self.build_lib) / "service" / "bundles" / bundle.name
            self.mkpath(str(target))
            for path in sorted(bundle.iterdir()):
                if path.suffix in KINDS:
                    self.copy_file(str(path), str(target / path.name))


setup(cmdclass={"build_py": BuildWithBundles})
