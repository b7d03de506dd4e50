"""Compare the types in the settings of a model and of its base: does the base's code fit the model?"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from gitstore.settings import Parameter, Types


class Misfit(NamedTuple):
    """A difference between what a model's settings promise and what the code of its base does.

    `path` is the key in the settings, with the names of parameters in place of indexes. `problem`
    continues a sentence that begins with the base: "does not accept f64".
    """

    path: str
    problem: str


class _Words(NamedTuple):
    """The message for each kind of misfit."""

    unknown: str
    types: str
    shape: str
    missing: str
    optional: str


_INPUT = _Words(
    unknown="has no such input",
    types="does not accept {types}",
    shape="accepts {accepted}, not {supplied}",
    missing="requires this input",
    optional="requires it",
)
_OUTPUT = _Words(
    unknown="also returns this output",
    types="may return {types}",
    shape="returns {supplied}, not {accepted}",
    missing="does not return this output",
    optional="does not always return it",
)


def find_misfits(own: Types, base: Types) -> list[Misfit]:
    """Return where the base's code, described by the types `base`, does not fit a model's types `own`.

    Inputs go from the model's users to the base's code, and outputs go the other way. The receiver must
    know every parameter that is supplied, accept each of its types and shapes, and get all it requires.
    """
    return [
        *_compare("types.create_state", _INPUT, supplied=own.create_state, accepted=base.create_state),
        *_compare("types.train", _INPUT, supplied=own.train, accepted=base.train),
        *_compare(
            "types.evaluate.inputs", _INPUT, supplied=own.evaluate.inputs, accepted=base.evaluate.inputs
        ),
        *_compare(
            "types.evaluate.outputs", _OUTPUT, supplied=base.evaluate.outputs, accepted=own.evaluate.outputs
        ),
    ]


def _compare(
    path: str, words: _Words, *, supplied: Sequence[Parameter], accepted: Sequence[Parameter]
) -> Iterator[Misfit]:
    """Compare the parameters that one side supplies with those that the other side accepts."""
    unmatched = {parameter.name: parameter for parameter in accepted}
    for parameter in supplied:
        counterpart = unmatched.pop(parameter.name, None)
        parameter_path = f"{path}.{parameter.name}"
        if counterpart is None:
            yield Misfit(parameter_path, words.unknown)
        else:
            yield from _compare_parameter(parameter_path, words, supplied=parameter, accepted=counterpart)
    for parameter in unmatched.values():
        if parameter.required:
            yield Misfit(f"{path}.{parameter.name}", words.missing)


def _compare_parameter(
    path: str, words: _Words, *, supplied: Parameter, accepted: Parameter
) -> Iterator[Misfit]:
    types = [type_name for type_name in supplied.types if type_name not in accepted.types]
    if types:
        yield Misfit(f"{path}.types", words.types.format(types=", ".join(types)))
    if not _fits(supplied.shape, accepted.shape):
        problem = words.shape.format(accepted=list(accepted.shape), supplied=list(supplied.shape))
        yield Misfit(f"{path}.shape", problem)
    if supplied.ragged != accepted.ragged:
        base = accepted if words is _INPUT else supplied
        yield Misfit(f"{path}.ragged", "has it ragged" if base.ragged else "does not have it ragged")
    if accepted.required and not supplied.required:
        yield Misfit(f"{path}.required", words.optional)


def _fits(supplied: tuple[int, ...], accepted: tuple[int, ...]) -> bool:
    """Whether every array of the supplied shape has the accepted shape. -1 stands for any length."""
    return len(supplied) == len(accepted) and all(
        allowed in (-1, length) for length, allowed in zip(supplied, accepted, strict=True)
    )
