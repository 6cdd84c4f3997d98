"""What each figure says, in a sentence: beside every figure of a report. At length: docs/explanation/evidence.md."""

from __future__ import annotations

from collections.abc import Mapping

MEANINGS: Mapping[str, str] = {
    "kappa": "Agreement beyond chance; an error of two grades counts four times one of one. 1 is perfect, 0 chance. It "
    "depends on the mix of grades: do not compare it between data sets.",
    "exact": "Share of photographs with exactly the right grade.",
    "within_one": "Share with the right grade or one beside it.",
    "mae": "Mean error in grades, of the expected grade (the mean of the probabilities).",
    "grade_mae": "Mean error in grades, of the grade answered (the median).",
    "macro_f1": "Every grade counts the same, however rare; low where a grade hardly occurs.",
    "ece": "Mean gap between the probability that is stated and the share that is right; 0 is perfect.",
    "coverage": "Share whose prediction set holds the true grade; .90 is what was promised, more means larger sets.",
    "set_size": "Grades in a prediction set, on average: the price of the coverage.",
    "side": "Share with the right side among left, right and none, where it is known.",
    "side_palsy": "The same, from grade III on.",
    "likelier_side_palsy": "From grade III on, the likelier of left and right alone.",
    "healthy_none": "Share of healthy faces that are answered to have no affected side.",
    "uf1": "Unweighted F1: mean over the classes, from the confusions of all people together; the size of a class does "
    "not count.",
    "uar": "Unweighted average recall: the share of each class that is found, averaged over the classes.",
    "accuracy": "Share of clips with the right class; the most frequent class weighs most.",
}
LEARNING_CURVES = (
    "Left: the loss on the training people, epoch by epoch. Right: the score on the validation people; the dot is the "
    "epoch that was kept. A score that falls while the loss falls on is overfitting; both still moving at the end ask "
    "for more epochs (--resume --set optimisation.epochs=...)."
)
CONFUSION = "Rows are the truth, columns the answers; the shade is the share of the true class."
RELIABILITY = (
    "Of the answers given with a probability, how many are right? On the line the probabilities are honest; below it "
    "they promise too much. The area of a dot is how many answers it stands for."
)
BY_GROUP = "A dot is the group's figure, the line its 95 % interval: where lines overlap, nothing is known to differ."
RECALL = "Of the photographs of a grade, the share that got it."
WORST = (
    "The answers furthest from the truth, the surest first. Look at them: a wrong label, a covered face or a wrong "
    "person is found here sooner than in any figure."
)
