"""Whether this version of the preprocessing can make what a bundle's graph reads: the same check for every task."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from face.input_spec import InputSpec
from service.inference.bundle import MANIFEST_FILE, Bundle
from service.inference.errors import BundleError

SpecT = TypeVar("SpecT", bound=InputSpec)


def spec_of(bundle: Bundle, read: Callable[[Mapping[str, Any]], SpecT]) -> SpecT:
    """The spec in a bundle's manifest. read: makes it from the dictionary, e.g. `PalsyInputSpec.from_dict`.

    Raises BundleError naming the field: a spec that cannot be made here, another fingerprint than the spec's, a tensor
    of another type or shape.
    """
    path, given = bundle.directory / MANIFEST_FILE, bundle.manifest.input
    try:
        spec = read(given.spec)
    except (TypeError, ValueError) as error:
        raise BundleError(path, str(error), field="input.spec") from error
    if spec.fingerprint() != given.fingerprint:
        raise BundleError(
            path,
            f"is {given.fingerprint}, but input.spec has the fingerprint {spec.fingerprint()}",
            field="input.fingerprint",
        )
    made = spec.tensor_shapes()
    for tensor in given.tensors:
        if tensor.name not in made:
            raise BundleError(path, f"this version does not make {tensor.name!r}", field="input.tensors")
        dtype, shape = made[tensor.name]
        if (tensor.dtype, tensor.shape) != (dtype, shape):
            raise BundleError(
                path,
                f"is {tensor.dtype} {list(tensor.shape)}, this version makes {dtype} {list(shape)}",
                field=f"input.tensors.{tensor.name}",
            )
    return spec
