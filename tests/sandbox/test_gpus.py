"""Devices of GPUs in a sandbox. No machine of the tests has any, so that others stand in."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from gitstore.sandbox.gpus import list_devices
from tests.sandbox.conftest import Box

KERNEL_LOG = "/dev/kmsg"


def test_devices_alone_count(tmp_path: Path) -> None:
    (tmp_path / "nvidia0").symlink_to(os.devnull)
    (tmp_path / "nvidia1").write_text("a file")
    (tmp_path / "nvidia-caps").mkdir()
    (tmp_path / "sda").symlink_to(os.devnull)
    assert list_devices(tmp_path) == (str(tmp_path / "nvidia0"),)


@pytest.mark.skipif(not Path(KERNEL_LOG).is_char_device(), reason="there is no such device")
def test_a_device_is_seen_if_it_was_given(box: Box) -> None:
    box.write(
        evaluate=f"return {{'words': [str(os.path.exists({KERNEL_LOG!r})), os.environ.get('GPU', '')]}}"
    )
    assert box.evaluate() == ["False", ""]
    box.devices, box.variables = (KERNEL_LOG, "/dev/no-such-device"), {"GPU": "1"}
    assert box.evaluate() == ["True", "1"]
