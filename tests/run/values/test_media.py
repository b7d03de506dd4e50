"""Endings of files by what is in them."""

from __future__ import annotations

import io
import wave
from pathlib import Path

import numpy as np

from gitstore.run.values import media, outputs


def wav() -> bytes:
    file = io.BytesIO()
    with wave.open(file, "wb") as sound:
        sound.setparams((1, 2, 8000, 0, "NONE", ""))
        sound.writeframes(bytes(100))
    return file.getvalue()


ENDINGS = [
    (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", ".png"),
    (b"\xff\xd8\xff\xe0\0\x10JFIF", ".jpg"),
    (b"GIF89a\1\0", ".gif"),
    (b"RIFF\x1a\0\0\0WEBPVP8L", ".webp"),
    (wav(), ".wav"),
    (b"fLaC\0\0\0\x22", ".flac"),
    (b"OggS\0\2", ".ogg"),
    (b"ID3\4\0", ".mp3"),
    (b"\xff\xfb\x90\x64", ".mp3"),
    (b"\0\0\0\x20ftypisom\0\0\2\0", ".mp4"),
    (b"\0\0\0\x14ftypqt  \0\0", ".mov"),
    (b"\0\0\0\x1cftypavif\0\0", ".avif"),
    (b"\x1aE\xdf\xa3\x9fB\x86\x81\1B\x82\x84webm", ".webm"),
    (b"BM\x0a\0\0\0\0\0\0\0", ".bmp"),
    (b"BMW", ".bin"),
    (b"RIFF", ".bin"),
    (b"", ".bin"),
    (b"text", ".bin"),
]


def test_endings() -> None:
    assert [media.choose_suffix(content) for content, _ in ENDINGS] == [ending for _, ending in ENDINGS]


def test_outputs_as_files(tmp_path: Path) -> None:
    png, gif = b"\x89PNG\r\n\x1a\n", b"GIF89a"
    batch = np.empty((2, 11), object)
    batch[:] = png
    batch[1, 10] = gif
    single = np.array(wav(), object)
    paths = outputs.write({"sound": single, "pictures": batch, "none": np.empty(0, object)}, tmp_path)
    names = [path.name for path in paths]
    assert names[:3] == ["sound.wav", "pictures-0-00.png", "pictures-0-01.png"]
    assert names[22] == "pictures-1-10.gif"
    assert (tmp_path / names[22]).read_bytes() == gif
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(names)


def test_text_that_numpy_would_pad_out_of_proportion(tmp_path: Path) -> None:
    text = np.array(["x" * 100_000, *["y"] * 999], object)
    (path,) = outputs.write({"words": text}, tmp_path)
    assert path.name == "words.json"
    assert path.stat().st_size < 1 << 20
