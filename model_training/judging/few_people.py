"""What so few people cannot say."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

# Fewer, and an interval by person says more of who they happen to be than of the model.
FEW_PEOPLE = 10
FEW_OF_A_CLASS = 5


def few_people_warnings(*, people: npt.NDArray[Any], truth: npt.NDArray[np.int64], labels: Sequence[str]) -> list[str]:
    """Sentences; none where there is nothing to warn of. people (N,): whose each row is; truth (N,): from 0."""
    names = np.asarray(people, dtype=object).astype(str)
    count = len(np.unique(names))
    warnings = []
    if count < FEW_PEOPLE:
        warnings.append(
            f"{count} {'person says' if count == 1 else 'people say'} little of others: with fewer than {FEW_PEOPLE} "
            "even the interval is too narrow. Cross-validation (`crossval`) judges everybody once."
        )
    of_class = {label: len(np.unique(names[truth == index])) for index, label in enumerate(labels)}
    absent = [label for label, number in of_class.items() if number == 0]
    rare = [f"{label} ({number})" for label, number in of_class.items() if 0 < number < FEW_OF_A_CLASS]
    if absent:
        warnings.append(
            f"Nobody has {', '.join(absent)}: nothing is known of how {'it is' if len(absent) == 1 else 'they are'} "
            "answered, and macro averages leave that out."
        )
    if rare:
        warnings.append(
            f"Few people with {', '.join(rare)}: recall and macro averages hang on each of them; read them with their "
            "intervals or not at all."
        )
    return warnings
