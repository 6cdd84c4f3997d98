"""The network of whole examinations: a bundle of its own beside the palsy model whose readings it takes."""

from __future__ import annotations

from dataclasses import replace

from face.palsy.assessment.fitted import MeasureError, SessionCalibration, fitted_numbers
from face.palsy.assessment.session_model import Method, SessionInputSpec, SessionModel
from service.analysis.input_spec import spec_of
from service.inference.bundle import MANIFEST_FILE, Bundle
from service.inference.errors import BundleError
from service.inference.manifest import PalsySessionManifest
from service.inference.session import Session


class PalsySessionAnalyzer:
    """Runs one palsy-session bundle; `model` may be used from several threads."""

    def __init__(self, bundle: Bundle, session: Session) -> None:
        """Raises BundleError where this version cannot make what the graph reads."""
        manifest = bundle.manifest
        if not isinstance(manifest, PalsySessionManifest):
            raise BundleError(
                bundle.directory / MANIFEST_FILE, f"{manifest.task!r} is not 'palsy-session'", field="task"
            )
        self._spec = spec_of(bundle, SessionInputSpec.from_dict)
        base, fitted = fitted_numbers(), manifest.thresholds
        self.model = SessionModel(
            method=Method(manifest.name, manifest.version, manifest.sha256),
            graph=session.run,
            numbers=replace(
                base,
                coverage=manifest.calibration.coverage,
                calibration={
                    **base.calibration,
                    **{
                        name: SessionCalibration(one.temperature, one.conformal_threshold)
                        for name, one in manifest.calibration.classes.items()
                        if name in fitted.grades_from
                    },
                },
                measures={**base.measures, **{name: MeasureError(1.0, 0.0, u) for name, u in fitted.measure_u.items()}},
                sdc95=dict(fitted.sdc95),
            ),
            grades_from=frozenset(fitted.grades_from),
        )

    def takes_readings_of(self, palsy: Bundle) -> bool:
        """Whether it was made for the palsy model of this bundle."""
        manifest = palsy.manifest
        return (self._spec.palsy_model_sha256, self._spec.palsy_input) == (manifest.sha256, manifest.input.fingerprint)
