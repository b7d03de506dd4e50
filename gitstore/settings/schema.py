"""What settings.yaml holds: every key, its type, its default, what is allowed and what it means.

This is the only place that says so. The loader, the renderer and the JSON Schema walk these
structs; they know nothing about single keys. `Meta.extra` carries what types cannot say:

    unit      how a number is written in YAML (`Unit`)
    problem   what is wrong with a text (see `rules`)
    allowed   what a text is, for messages: "an exact pin like numpy==2.4.6"
    unique    the items of a list differ: all of an item (True) or in the named key
    taken     names of parameters that the model's code gets from gitstore already
"""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from typing import Annotated, Any, Literal, NamedTuple

from msgspec import Meta, Struct

from gitstore import units
from gitstore.names import name_problem, spell_snapshot
from gitstore.settings import rules
from gitstore.text import control_problem
from gitstore.url import url_problem


class Unit(Struct, frozen=True):
    """How a number with a unit is parsed, and written as text that parses to the same number."""

    parse: Callable[[str], float]
    literal: Callable[[Any], str]
    expected: str


_SIZE = Unit(units.parse_size, units.size_literal, "a size, like 32MiB")
_DURATION = Unit(units.parse_duration, units.duration_literal, "a duration, like 60s")


def _size(description: str, *, at_least: int = 1) -> Meta:
    return Meta(
        ge=at_least,
        description=description,
        extra={"unit": _SIZE},
        extra_json_schema={"pattern": units.SIZE_PATTERN},
    )


def _duration(description: str) -> Meta:
    return Meta(
        gt=0,
        description=description,
        extra={"unit": _DURATION},
        extra_json_schema={"pattern": units.DURATION_PATTERN},
    )


def _name(description: str) -> Meta:
    allowed = "a name is one word, like digits or digits-v2"
    return Meta(description=description, extra={"problem": name_problem, "allowed": allowed})


def _parameters(description: str, *reserved: str) -> Meta:
    return Meta(description=description, extra={"unique": "name", "reserved": reserved})


ObjectId = Annotated[str, Meta(pattern=rules.OBJECT_ID, extra={"allowed": "an object id: 40 digits 0-9a-f"})]
Requirement = Annotated[
    str, Meta(pattern=rules.REQUIREMENT, extra={"allowed": "an exact pin like numpy==2.4.6"})
]
Dimension = Annotated[int, Meta(ge=-1, le=2**63 - 1)]


class KeyProblem(NamedTuple):
    """What is wrong with a key because of other keys of its mapping."""

    key: str
    message: str


class _Keys(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A mapping in settings.yaml."""

    def find_problem(self) -> KeyProblem | None:
        """Return what is wrong with the keys together, each of which is valid by itself."""
        return None


class TensorType(StrEnum):
    """The type of the elements of a tensor."""

    f16 = "f16"
    f32 = "f32"
    f64 = "f64"
    i8 = "i8"
    i16 = "i16"
    i32 = "i32"
    i64 = "i64"
    u8 = "u8"
    u16 = "u16"
    u32 = "u32"
    u64 = "u64"
    bool = "bool"
    string = "string"
    binary = "binary"
    image = "image"
    audio = "audio"
    video = "video"


class Parameter(_Keys, frozen=True, kw_only=True):
    """One input or output of an operation, a tensor."""

    name: Annotated[
        str,
        Meta(
            description="The name of the keyword argument, or of the key in the result, in the model's code.",
            extra={"problem": rules.parameter_problem, "allowed": "a name is like images or learning_rate"},
        ),
    ]
    types: Annotated[
        tuple[TensorType, ...],
        Meta(description="The element types that are allowed.", min_length=1, extra={"unique": True}),
    ]
    shape: Annotated[
        tuple[Dimension, ...],
        Meta(description="The length of each dimension; -1 is any length, [] a scalar.", max_length=64),
    ]
    required: Annotated[bool, Meta(description="Whether it must be passed.")] = True
    ragged: Annotated[
        bool,
        Meta(
            description="Whether it is a list of arrays, one for each element of the first dimension,"
            " which may differ in the other dimensions that are -1."
        ),
    ] = False

    def find_problem(self) -> KeyProblem | None:
        if self.ragged and (self.shape[:1] != (-1,) or -1 not in self.shape[1:]):
            return KeyProblem(
                "ragged", "needs a shape that begins with -1 and has another -1, like [-1, -1, 3]"
            )
        return None


class EvaluateTypes(_Keys, frozen=True, kw_only=True):
    """The inputs and outputs of evaluate."""

    inputs: Annotated[tuple[Parameter, ...], _parameters("The inputs of evaluate.", "self")] = ()
    outputs: Annotated[tuple[Parameter, ...], _parameters("The outputs of evaluate.")] = ()


class Types(_Keys, frozen=True, kw_only=True):
    """The inputs and outputs of each operation."""

    create_state: Annotated[tuple[Parameter, ...], _parameters("The inputs of create-state.", "out")] = ()
    train: Annotated[tuple[Parameter, ...], _parameters("The inputs of train.", "self", "tracker")] = ()
    evaluate: EvaluateTypes = EvaluateTypes()


class MaxDurations(_Keys, frozen=True, kw_only=True):
    """How long each phase of an operation may take before it is stopped."""

    code_startup: Annotated[float, _duration("Starting the worker and importing the code.")] = 60.0
    instantiate_model: Annotated[float, _duration("Making the model from its state.")] = 60.0
    create_state: Annotated[float, _duration("Creating a state.")] = 600.0
    train: Annotated[float, _duration("Training.")] = 86400.0
    evaluate: Annotated[float, _duration("One evaluation.")] = 60.0


class Packages(_Keys, frozen=True, kw_only=True):
    """The environment that the code runs in."""

    python: (
        Annotated[
            str,
            Meta(
                pattern=rules.PYTHON,
                description='The version of Python, in quotes: "3.11".',
                extra={"allowed": 'a version of Python like "3.11" or "3.11.7"'},
            ),
        ]
        | None
    ) = None
    requirements: Annotated[
        tuple[Requirement, ...],
        Meta(description="Packages, each at an exact version.", extra={"unique": True}),
    ] = ()


class Gpus(_Keys, frozen=True, kw_only=True):
    """The GPUs that an operation gets."""

    count: Annotated[int, Meta(ge=0, le=1024, description="The number of GPUs.")] = 0
    model: (
        Annotated[
            str,
            Meta(
                description="The type of GPU, by the launcher's name for it.",
                extra={"problem": control_problem},
            ),
        ]
        | None
    ) = None


class Launcher(_Keys, frozen=True, kw_only=True):
    """The resources of an operation, unless the command sets others."""

    engine: Annotated[
        Literal["local", "ray"],
        Meta(description="local is a process on this machine, ray a Ray cluster, for evaluate only."),
    ] = "local"
    cpus: Annotated[float, Meta(ge=0.125, le=65536, description="CPU cores, at least 1/8.")] = 1.0
    memory: Annotated[int, _size("Main memory, at least 128MiB.", at_least=128 * units.MIB)] = units.GIB
    disk: Annotated[int, _size("Scratch disk; filesystem_size by default.")] | None = None
    gpus: Gpus = Gpus()


class DefaultLaunchers(_Keys, frozen=True, kw_only=True):
    """The resources of each operation, unless the command sets others."""

    create_state: Launcher = Launcher()
    train: Launcher = Launcher()
    evaluate: Launcher = Launcher()


class BasedOn(_Keys, frozen=True, kw_only=True):
    """The base of a derived model; gitstore writes it."""

    model: Annotated[str, _name("The model that the base is a snapshot of.")]
    snapshot: Annotated[str, _name("The name of the base.")]
    tag: Annotated[ObjectId, Meta(description="The object id of the base's tag.")]
    commit: Annotated[
        ObjectId, Meta(description="The object id of the base's commit, an ancestor of this model.")
    ]
    url: (
        Annotated[
            str,
            Meta(
                description="The base's repository, if it is another one.",
                extra={
                    "problem": url_problem,
                    "allowed": "write the URL or the path of a repository",
                },
            ),
        ]
        | None
    ) = None
    detached: (
        Annotated[
            bool, Meta(description="Whether the model was detached: it has its own code, not the base's.")
        ]
        | None
    ) = None

    @property
    def full_name(self) -> str:
        """MODEL@SNAPSHOT."""
        return spell_snapshot(self.snapshot, self.model)

    def to_json(self) -> dict[str, str | None]:
        """Return a base as hooks and `--json` have it. `url` is null for the same repository."""
        return {
            "model": self.model,
            "snapshot": self.snapshot,
            "tag": str(self.tag),
            "commit": str(self.commit),
            "url": self.url,
        }


class Settings(_Keys, frozen=True, kw_only=True):
    """The settings of a gitstore model."""

    name: Annotated[str, _name("The model's name.")]
    description: Annotated[
        str,
        Meta(description="A description of the model, for people.", extra={"problem": control_problem}),
    ] = ""
    code: Annotated[
        str,
        Meta(
            description="The directory of the code. In a snapshot, it is always called code/.",
            min_length=1,
            extra={
                "problem": rules.code_problem,
                "allowed": "write the path of a directory in the repository, like src, or . for its top",
            },
        ),
    ] = "code"
    filesystem_size: Annotated[
        int, _size("Limit on the code in a snapshot, and on scratch disk while an operation runs.")
    ] = 32 * units.MIB
    types: Types = Types()
    max_durations: MaxDurations = MaxDurations()
    packages: Packages = Packages()
    default_launchers: DefaultLaunchers = DefaultLaunchers()
    based_on: BasedOn | None = None
