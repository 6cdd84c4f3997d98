"""What goes by name through the package: arrays of samples."""

from __future__ import annotations

from typing import Any

import numpy.typing as npt

# Name -> array; of many samples the first axis is the sample, of one there is no such axis.
Arrays = dict[str, npt.NDArray[Any]]
