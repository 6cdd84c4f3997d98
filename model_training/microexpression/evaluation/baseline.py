"""What a network has to beat: logistic regression on the coarse flow, leave-one-subject-out.

The flow image, standardised as the networks see it, averaged to 7x7 (147 numbers), multinomial, classes balanced, C =
1. No epoch is chosen, so there is nothing to leak.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from torch.nn.functional import avg_pool2d

from model_training.microexpression.evaluation.scores import composite_scores, intervals_by_subject
from model_training.microexpression.folded.inputs import standardise
from model_training.microexpression.folded.reference import as_tensor
from model_training.microexpression.published_flow import FlowImages

POOL = 4
INVERSE_REGULARISATION = 1.0


def baseline_report(data: FlowImages, *, seed: int = 0) -> dict[str, Any]:
    """Scores as of a protocol's single model, their interval by subject, and the same with shuffled labels."""
    predicted = loso_baseline(data, data.labels)
    shuffled = np.random.default_rng(seed).permutation(data.labels)

    def scores(answers: np.ndarray, truth: np.ndarray) -> dict[str, dict[str, float]]:
        return composite_scores(predicted=answers, truth=truth, datasets=data.datasets, classes=len(data.class_names))

    return {
        "meaning": "logistic regression on the flow averaged to 7x7",
        "scores": scores(predicted, data.labels),
        "interval_95_by_subject": intervals_by_subject(
            truth=data.labels, predicted=predicted, subjects=data.subjects, classes=len(data.class_names)
        ),
        "shuffled_labels": scores(loso_baseline(data, shuffled), shuffled)["full"],
    }


def loso_baseline(data: FlowImages, labels: np.ndarray) -> np.ndarray:
    """(N,) the class of every image, by a regression that has not seen its subject."""
    from sklearn.linear_model import LogisticRegression

    pooled = avg_pool2d(standardise(as_tensor(data.images)), POOL).flatten(1).numpy().astype(np.float64)
    predicted = np.zeros(len(data), np.int64)
    for subject in data.subject_names:
        own = data.subjects == subject
        regression = LogisticRegression(C=INVERSE_REGULARISATION, class_weight="balanced", max_iter=2000)
        predicted[own] = regression.fit(pooled[~own], labels[~own]).predict(pooled[own])
    return predicted
