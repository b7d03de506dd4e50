"""Whether code that takes and gives what one settings.yaml says fits a model whose settings say another."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from gitstore.settings import Parameter, Types


class Misfit(NamedTuple):
    """Something that the code of a base does not do as a model's settings promise.

    `path` is the key, with parameters by their names; `problem` continues a sentence that begins
    with the base: "does not take f64".
    """

    path: str
    problem: str


class _Words(NamedTuple):
    """How each kind of misfit is put."""

    unknown: str
    types: str
    shape: str
    missing: str
    optional: str


_INPUT = _Words(
    unknown="takes no such input",
    types="does not take {types}",
    shape="takes {taken}, not {given}",
    missing="requires this input",
    optional="requires it",
)
_OUTPUT = _Words(
    unknown="gives this output too",
    types="may give {types}",
    shape="gives {given}, not {taken}",
    missing="gives no such output",
    optional="does not always give it",
)


def misfits(own: Types, base: Types) -> list[Misfit]:
    """What a model's types promise and the code of its base, by the types of that, does not do.

    Inputs go from the model's users to the base's code, outputs the other way: who takes must know
    every parameter that is given, in each of its types and all its shapes, and get what it requires.
    """
    return [
        *_misfits("types.create_state", own.create_state, base.create_state, _INPUT),
        *_misfits("types.train", own.train, base.train, _INPUT),
        *_misfits("types.evaluate.inputs", own.evaluate.inputs, base.evaluate.inputs, _INPUT),
        *_misfits("types.evaluate.outputs", base.evaluate.outputs, own.evaluate.outputs, _OUTPUT),
    ]


def _misfits(
    path: str, given: Sequence[Parameter], taken: Sequence[Parameter], words: _Words
) -> Iterator[Misfit]:
    takers = {parameter.name: parameter for parameter in taken}
    for parameter in given:
        taker = takers.pop(parameter.name, None)
        below = f"{path}.{parameter.name}"
        if taker is None:
            yield Misfit(below, words.unknown)
        else:
            yield from _differences(below, parameter, taker, words)
    for parameter in takers.values():
        if parameter.required:
            yield Misfit(f"{path}.{parameter.name}", words.missing)


def _differences(path: str, given: Parameter, taken: Parameter, words: _Words) -> Iterator[Misfit]:
    types = [each for each in given.types if each not in taken.types]
    if types:
        yield Misfit(f"{path}.types", words.types.format(types=", ".join(types)))
    if not _fits(given.shape, taken.shape):
        shapes = words.shape.format(taken=list(taken.shape), given=list(given.shape))
        yield Misfit(f"{path}.shape", shapes)
    if taken.required and not given.required:
        yield Misfit(f"{path}.required", words.optional)


def _fits(given: tuple[int, ...], taken: tuple[int, ...]) -> bool:
    """Whether every array of the one shape is one of the other; -1 is any length."""
    return len(given) == len(taken) and all(
        its in (-1, length) for length, its in zip(given, taken, strict=True)
    )
