"""Agreement, F1 and recall against scikit-learn, and what counts where a class does not occur."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import cohen_kappa_score, f1_score, recall_score

from model_training.metrics.classification import (
    confusion_matrix,
    macro_f1,
    macro_recall,
    per_class_recall,
    quadratic_weighted_kappa,
)


@pytest.mark.parametrize("furthest", [1, 2])
def test_kappa_and_f1_agree_with_scikit_learn(furthest: int) -> None:
    rng = np.random.default_rng(furthest)
    truth = rng.integers(0, 6, 500)
    predicted = np.clip(truth + rng.integers(-furthest, furthest + 1, 500), 0, 5)
    assert quadratic_weighted_kappa(truth, predicted, classes=6) == pytest.approx(
        cohen_kappa_score(truth, predicted, weights="quadratic")
    )
    assert macro_f1(confusion_matrix(truth=truth, predicted=predicted, classes=6)) == pytest.approx(
        f1_score(truth, predicted, average="macro")
    )


def test_kappa_is_1_for_the_truth_and_0_for_a_constant() -> None:
    truth = np.arange(6)
    assert quadratic_weighted_kappa(truth, truth, classes=6) == 1.0
    assert quadratic_weighted_kappa(np.zeros(3, int), np.zeros(3, int), classes=6) == 0.0


def test_a_matrix_counts_true_classes_in_rows_and_refuses_a_class_it_does_not_have() -> None:
    matrix = confusion_matrix(truth=np.array([0, 0, 1]), predicted=np.array([2, 2, 1]), classes=3)
    assert matrix.tolist() == [[0, 0, 2], [0, 1, 0], [0, 0, 0]]
    with pytest.raises(IndexError):
        confusion_matrix(truth=np.array([0]), predicted=np.array([3]), classes=3)


def test_recalls_agree_with_scikit_learn() -> None:
    rng = np.random.default_rng(3)
    truth, predicted = rng.integers(0, 4, (2, 200))
    matrix = confusion_matrix(truth=truth, predicted=predicted, classes=4)
    np.testing.assert_allclose(per_class_recall(matrix), recall_score(truth, predicted, average=None))
    assert macro_recall(matrix) == pytest.approx(recall_score(truth, predicted, average="macro"))
    assert macro_recall(matrix, predicted_only_counts=False) == pytest.approx(macro_recall(matrix))


def test_a_class_that_is_only_predicted_counts_with_0_and_one_that_is_nowhere_does_not_count() -> None:
    only_predicted = np.array([[1, 0, 1], [0, 2, 0], [0, 0, 0]])
    assert np.isnan(per_class_recall(only_predicted)[2])
    assert macro_recall(only_predicted) == pytest.approx((0.5 + 1 + 0) / 3)
    assert macro_recall(only_predicted, predicted_only_counts=False) == pytest.approx((0.5 + 1) / 2)
    assert macro_f1(only_predicted) == pytest.approx((2 / 3 + 1 + 0) / 3)
    nowhere = np.array([[1, 1, 0], [0, 2, 0], [0, 0, 0]])
    assert macro_recall(nowhere) == macro_recall(nowhere, predicted_only_counts=False) == pytest.approx(0.75)
