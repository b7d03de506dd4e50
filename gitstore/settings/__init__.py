"""settings.yaml: its schema, reading it, writing it and changing single keys of it.

It owns the schema with its defaults, and every message about an invalid file. It knows nothing of git or of
models. Start with `schema` for the keys, then `loading`; `document` is the syntax, `checking` compares a
document with the schema, and `editing` changes files that people wrote.
"""

from gitstore.settings.editing import set_keys
from gitstore.settings.loading import FILE_NAME, ModelIdentity, find, identify, load, parse
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
    "ModelIdentity",
    "Packages",
    "Parameter",
    "Settings",
    "TensorType",
    "Types",
    "find",
    "identify",
    "load",
    "parse",
    "render",
    "set_keys",
    "to_builtins",
]
