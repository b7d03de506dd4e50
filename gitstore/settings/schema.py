"""What settings.yaml holds: every key, its type, its default, what is allowed and what it means.

This is the only place that says so. The loader, the renderer and the JSON Schema walk these
structs; they know nothing about single keys. `keys` has the vocabulary.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Literal

from msgspec import Meta

from gitstore import units
from gitstore.names import spell_snapshot
from gitstore.settings import rules
from gitstore.settings.keys import KeyProblem, Keys, duration_meta, name_meta, size_meta
from gitstore.text import control_problem
from gitstore.url import url_problem


def _parameters(description: str, *reserved: str) -> Meta:
    return Meta(description=description, extra={"unique": "name", "reserved": reserved})


ObjectId = Annotated[str, Meta(pattern=rules.OBJECT_ID, extra={"allowed": "an object id: 40 digits 0-9a-f"})]
Requirement = Annotated[
    str, Meta(pattern=rules.REQUIREMENT, extra={"allowed": "an exact pin like numpy==2.4.6"})
]
Dimension = Annotated[int, Meta(ge=-1, le=2**63 - 1)]


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


class Parameter(Keys, frozen=True, kw_only=True):
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


class EvaluateTypes(Keys, frozen=True, kw_only=True):
    """The inputs and outputs of evaluate."""

    inputs: Annotated[tuple[Parameter, ...], _parameters("The inputs of evaluate.", "self")] = ()
    outputs: Annotated[tuple[Parameter, ...], _parameters("The outputs of evaluate.")] = ()


class Types(Keys, frozen=True, kw_only=True):
    """The inputs and outputs of each operation."""

    create_state: Annotated[tuple[Parameter, ...], _parameters("The inputs of create-state.", "out")] = ()
    train: Annotated[tuple[Parameter, ...], _parameters("The inputs of train.", "self", "tracker")] = ()
    evaluate: EvaluateTypes = EvaluateTypes()


class MaxDurations(Keys, frozen=True, kw_only=True):
    """How long each phase of an operation may take before it is stopped."""

    code_startup: Annotated[float, duration_meta("Starting the worker and importing the code.")] = 60.0
    instantiate_model: Annotated[float, duration_meta("Making the model from its state.")] = 60.0
    create_state: Annotated[float, duration_meta("Creating a state.")] = 600.0
    train: Annotated[float, duration_meta("Training.")] = 86400.0
    evaluate: Annotated[float, duration_meta("One evaluation.")] = 60.0


class Packages(Keys, frozen=True, kw_only=True):
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


class Gpus(Keys, frozen=True, kw_only=True):
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


class Launcher(Keys, frozen=True, kw_only=True):
    """The resources of an operation, unless the command sets others."""

    engine: Annotated[
        Literal["local", "ray"],
        Meta(description="local is a process on this machine, ray a Ray cluster, for evaluate only."),
    ] = "local"
    cpus: Annotated[float, Meta(ge=0.125, le=65536, description="CPU cores, at least 1/8.")] = 1.0
    memory: Annotated[int, size_meta("Main memory, at least 128MiB.", at_least=128 * units.MIB)] = units.GIB
    disk: Annotated[int, size_meta("Scratch disk; filesystem_size by default.")] | None = None
    gpus: Gpus = Gpus()


class DefaultLaunchers(Keys, frozen=True, kw_only=True):
    """The resources of each operation, unless the command sets others."""

    create_state: Launcher = Launcher()
    train: Launcher = Launcher()
    evaluate: Launcher = Launcher()


class BasedOn(Keys, frozen=True, kw_only=True):
    """The base of a derived model; gitstore writes it."""

    model: Annotated[str, name_meta("The model that the base is a snapshot of.")]
    snapshot: Annotated[str, name_meta("The name of the base.")]
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


class Settings(Keys, frozen=True, kw_only=True):
    """The settings of a gitstore model."""

    name: Annotated[str, name_meta("The model's name.")]
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
        int, size_meta("Limit on the code in a snapshot, and on scratch disk while an operation runs.")
    ] = 32 * units.MIB
    types: Types = Types()
    max_durations: MaxDurations = MaxDurations()
    packages: Packages = Packages()
    default_launchers: DefaultLaunchers = DefaultLaunchers()
    based_on: BasedOn | None = None
