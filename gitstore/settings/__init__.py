"""settings.yaml: what it may hold, reading it, writing it and changing single keys of it."""

from gitstore.settings.editing import set_keys
from gitstore.settings.loading import FILE_NAME, find, identify, load, parse, parse_identity
from gitstore.settings.rendering import render, to_builtins
from gitstore.settings.schema import (
    BasedOn,
    DefaultLaunchers,
    EvaluateTypes,
    Gpus,
    Launcher,
    MaxDurations,
    Packages,
    Parameter,
    Settings,
    TensorType,
    Types,
)

__all__ = [
    "FILE_NAME",
    "BasedOn",
    "DefaultLaunchers",
    "EvaluateTypes",
    "Gpus",
    "Launcher",
    "MaxDurations",
    "Packages",
    "Parameter",
    "Settings",
    "TensorType",
    "Types",
    "find",
    "identify",
    "load",
    "parse",
    "parse_identity",
    "render",
    "set_keys",
    "to_builtins",
]
