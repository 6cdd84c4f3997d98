"""Adds the shipped bundles to the wheel; everything else about the package is in pyproject.toml.

The bundles lie in models/, outside every package, because people read and replace them there. An installed service
looks for them inside itself, so the build copies them to service/bundles. An editable installation reads models/.
"""

from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

MODELS = Path(__file__).parent / "models"
# Checkpoints stay behind: only training reads them, and they would double the wheel.
KINDS = (".json", ".md", ".onnx")


class BuildWithBundles(build_py):
    def run(self) -> None:
        super().run()
        if self.editable_mode:
            return
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
