"""The devices of GPUs, for operations that were given some by a scheduler."""

from __future__ import annotations

from pathlib import Path

VARIABLES = ("CUDA_VISIBLE_DEVICES", "HIP_VISIBLE_DEVICES", "ROCR_VISIBLE_DEVICES")
"""The variables by which a scheduler says which of the devices are meant."""

_DEVICES = ("nvidia*", "kfd", "dri/renderD*")


def list_devices(directory: Path = Path("/dev")) -> tuple[str, ...]:
    """Return the devices of the drivers of NVIDIA and AMD. Their directories have no devices of others."""
    paths = (path for pattern in _DEVICES for path in sorted(directory.glob(pattern)))
    return tuple(str(path) for path in paths if path.is_char_device())
