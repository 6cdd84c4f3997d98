"""Which outputs are wanted, and with which options."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from service.oip.inference_request import Inference
from service.oip.tensors import BadTensor

OptionsT = TypeVar("OptionsT", bound=BaseModel)


def wanted_outputs(asked: Inference, known: Sequence[str]) -> list[str]:
    """Names in the model's order. Raises BadTensor for one that the model does not have."""
    if asked.outputs is None:
        return list(known)
    unknown = asked.outputs.keys() - set(known)
    if unknown:
        raise BadTensor(f"There is no output {min(unknown)!r}; there are {', '.join(known)}.")
    return [name for name in known if name in asked.outputs]


def options_of(asked: Inference, kind: type[OptionsT]) -> OptionsT:
    """The request's parameters that the protocol does not know. Raises BadTensor naming the one that is wrong."""
    try:
        return kind.model_validate(asked.options)
    except ValidationError as error:
        fault = error.errors(include_url=False, include_input=False)[0]
        name = ".".join(str(part) for part in fault["loc"])
        raise BadTensor(
            f"The parameter {name!r} is not valid: {fault['msg']}. There are {', '.join(kind.model_fields)}."
        ) from error


def no_options(asked: Inference, *, name: str) -> None:
    """Raises BadTensor where there is one."""
    if asked.options:
        raise BadTensor(f"{name} has no parameter {min(asked.options)!r}, nor any other.")
