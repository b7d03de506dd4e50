"""Images and sounds as numbers, and as bytes."""

from __future__ import annotations

import struct
import sys
import wave
import zlib

import numpy as np
import pytest
import soundfile
from PIL import Image

from gitstore.errors import InvalidInput
from gitstore.run.values.reading import read_inputs
from gitstore.settings.schema import Parameter, TensorType

COLOURS = np.array(
    [[[255, 0, 0], [0, 255, 0], [0, 0, 255]], [[0, 0, 0], [255, 255, 255], [51, 51, 51]]], np.uint8
)


def read(directory, text, types="u8", shape=(-1, -1, 3), **options):
    names = tuple(map(TensorType, types.split()))
    definition = Parameter(name="x", types=names, shape=tuple(shape), **options)
    return read_inputs([f"x={text}"], [definition], directory=directory)["x"]


def problem(directory, text, types="u8", shape=(-1, -1, 3)):
    with pytest.raises(InvalidInput) as caught:
        read(directory, text, types, shape)
    (line,) = caught.value.problems
    return line.removeprefix("x: ")


def save(path, pixels, **options):
    Image.fromarray(pixels).save(path, **options)


@pytest.fixture
def pictures(tmp_path):
    save(tmp_path / "c.png", COLOURS)
    save(tmp_path / "c.webp", COLOURS, lossless=True)
    save(tmp_path / "c.jpg", np.full((8, 8, 3), 100, np.uint8), quality=100)
    save(tmp_path / "grey.png", COLOURS[:, :, 0])
    return tmp_path


@pytest.mark.parametrize("name", ["c.png", "c.webp"])
def test_colors(pictures, name):
    assert read(pictures, f"@{name}").tolist() == COLOURS.tolist()


def test_a_jpeg(pictures):
    assert abs(read(pictures, "@c.jpg").astype(int) - 100).max() <= 1


def test_floats_go_from_0_to_1(pictures):
    for name, dtype in (("f32", np.float32), ("f64", np.float64), ("f16", np.float16)):
        array = read(pictures, "@c.png", name)
        assert array.dtype == dtype
        np.testing.assert_allclose(array, COLOURS / 255, atol=1e-3 if name == "f16" else 1e-7)


def test_channels(pictures):
    assert read(pictures, "@grey.png", shape=(-1, -1)).tolist() == COLOURS[:, :, 0].tolist()
    assert read(pictures, "@grey.png", shape=(2, 3, 1))[:, :, 0].tolist() == COLOURS[:, :, 0].tolist()
    assert read(pictures, "@grey.png", shape=(-1, -1, -1)).shape == (2, 3, 1)
    assert read(pictures, "@c.png", shape=(-1, -1, -1)).shape == (2, 3, 3)
    assert read(pictures, "@c.png", shape=(-1, -1, 4))[:, :, 3].tolist() == [[255] * 3] * 2
    assert read(pictures, "@c.png", shape=(-1, -1)).tolist() == [[76, 150, 29], [0, 255, 51]]


def test_transparency(tmp_path):
    pixels = np.concatenate([COLOURS, np.full((2, 3, 1), 7, np.uint8)], axis=2)
    save(tmp_path / "t.png", pixels)
    assert read(tmp_path, "@t.png", shape=(-1, -1, -1)).tolist() == pixels.tolist()
    assert read(tmp_path, "@t.png").tolist() == COLOURS.tolist()


def test_sixteen_bits_of_grey(tmp_path):
    save(tmp_path / "g.png", np.array([[0, 256, 65535]], np.uint16))
    assert read(tmp_path, "@g.png", shape=(-1, -1)).tolist() == [[0, 1, 255]]


def test_an_image_is_as_a_viewer_shows_it(tmp_path):
    image = Image.fromarray(COLOURS)
    exif = image.getexif()
    exif[0x0112] = 6  # to be turned by 90 degrees
    image.save(tmp_path / "r.png", exif=exif)
    assert read(tmp_path, "@r.png").tolist() == np.rot90(COLOURS, -1).tolist()


def test_batches(pictures):
    save(pictures / "d.png", COLOURS[::-1])
    save(pictures / "small.png", COLOURS[:1])
    assert read(pictures, "@[cd].png", shape=(-1, 2, 3, 3)).shape == (2, 2, 3, 3)
    shape = (-1, -1, -1, 3)
    elements = read(pictures, "@*.png", shape=shape, ragged=True)
    assert [element.shape for element in elements] == [(2, 3, 3), (2, 3, 3), (2, 3, 3), (1, 3, 3)]
    assert "does not fit (2, 3, 3) of value 1" in problem(pictures, "@*.png", shape=shape)


def test_bytes_come_first(pictures):
    content = (pictures / "c.png").read_bytes()
    assert read(pictures, "@c.png", "image u8", ()).item() == content
    assert read(pictures, "@c.png", "u8 binary", ()).item() == content


def test_what_is_not_decoded(pictures):
    (pictures / "text.png").write_text("no picture")
    (pictures / "gif.png").write_bytes(b"GIF89a" + bytes(20))
    (pictures / "cut.png").write_bytes((pictures / "c.png").read_bytes()[:50])
    (pictures / "x.gif").write_bytes(b"GIF89a")
    cases = [
        problem(pictures, "@text.png"),
        problem(pictures, "@gif.png"),
        problem(pictures, "@c.png", "i64"),
        problem(pictures, "@c.png", shape=(-1, 64)),
        problem(pictures, "@c.png", shape=(3, -1, -1)),
        problem(pictures, "@c.png", shape=(-1, -1, 2)),
        problem(pictures, "@c.png", shape=()),
        problem(pictures, "@none.png"),
        problem(pictures, "@x.gif").partition(";")[0],
    ]
    assert cases == [
        "text.png: it is not an image in the format png, jpeg or webp",
        "gif.png: it is not an image in the format png, jpeg or webp",
        "c.png: an image is decoded as u8, f32, f64, f16, or taken as bytes, but not as i64",
        "shape is (2, 3), but settings.yaml asks for (-1, 64)",
        "shape is (2, 3, 3), but settings.yaml asks for (3, -1, -1)",
        "c.png: an image has the shape [rows, columns] or [rows, columns, 1, 3 or 4], not [-1, -1, 2]",
        "c.png: an image has the shape [rows, columns] or [rows, columns, 1, 3 or 4], not []",
        "none.png: No such file or directory",
        "x.gif: its file type is not supported",
    ]
    assert "cut.png: " in f"{problem(pictures, '@cut.png')}"


def chunk(kind, content):
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def bomb(width, height):
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(bytes(1000))) + chunk(b"IEND", b"")


@pytest.mark.parametrize(
    ("width", "height"), [(8193, 8192), (12_000, 8000), (100_000, 100_000), (2**31 - 1, 1)]
)
def test_an_image_that_claims_too_much(tmp_path, width, height):
    (tmp_path / "b.png").write_bytes(bomb(width, height))
    assert problem(tmp_path, "@b.png", shape=(-1, -1)) == (
        "b.png: its picture has more than 67,108,864 pixels, the most that are decoded"
    )


def test_an_image_whose_array_would_be_too_large(tmp_path):
    (tmp_path / "b.png").write_bytes(bomb(8000, 8000))
    line = problem(tmp_path, "@b.png", "f64", shape=(-1, -1, 3))
    assert line == "b.png: its picture has 1.4 GiB, more than the 1.0 GiB that are read"


def test_the_packages_are_extras(pictures, monkeypatch):
    monkeypatch.setitem(sys.modules, "PIL", None)
    monkeypatch.setitem(sys.modules, "soundfile", None)
    (pictures / "s.wav").write_bytes(b"")
    for name, shape in (("c.png", (-1, -1)), ("s.wav", (-1,))):
        assert problem(pictures, f"@{name}", "f32", shape) == (
            f"{name}: images and sounds as numbers need more packages: pip install gitstore[media]"
        )
    assert read(pictures, "@c.png", "image", ()).item().startswith(b"\x89PNG")


@pytest.fixture
def sounds(tmp_path):
    with wave.open(str(tmp_path / "stereo.wav"), "wb") as file:
        file.setnchannels(2)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes(np.array([[0, 16384], [-32768, 32767]], "<i2").tobytes())
    soundfile.write(tmp_path / "mono.flac", np.array([0.5, -0.5, 0.25]), 8000)
    return tmp_path


def test_sounds(sounds):
    assert read(sounds, "@stereo.wav", "i16", (-1, 2)).tolist() == [[0, 16384], [-32768, 32767]]
    assert read(sounds, "@stereo.wav", "i32", (2, -1)).tolist() == [[0, 2**30], [-(2**31), 32767 << 16]]
    floats = read(sounds, "@stereo.wav", "f32", (-1, 2))
    assert floats.tolist() == [[0, 0.5], [-1, np.float32(32767 / 32768)]]
    assert read(sounds, "@stereo.wav", "i16", (-1,)).tolist() == [8192, 0]
    for name, dtype in (("f32", np.float32), ("f64", np.float64)):
        mono = read(sounds, "@mono.flac", name, (-1,))
        assert (mono.dtype, mono.tolist()) == (dtype, [0.5, -0.5, 0.25])
    assert read(sounds, "@mono.flac", "f32", (-1, -1)).shape == (3, 1)


def test_ragged_sounds(sounds):
    soundfile.write(sounds / "other.flac", np.zeros(7), 8000)
    elements = read(sounds, "@*.flac", "f32", (-1, -1), ragged=True)
    assert [element.shape for element in elements] == [(3,), (7,)]


def test_sounds_that_are_not_decoded(sounds):
    (sounds / "text.wav").write_text("no sound")
    (sounds / "riff.wav").write_bytes(b"RIFF" + bytes(40))
    content = (sounds / "mono.flac").read_bytes()
    # The number of all frames is the last 36 bits of these bytes of STREAMINFO.
    claim = bytes([content[21] | 0x0F, 0xFF, 0xFF, 0xFF, 0xF0])
    (sounds / "bomb.flac").write_bytes(content[:21] + claim + content[26:])
    line = problem(sounds, "@text.wav", "f32", (-1,))
    assert line == "text.wav: it is not a sound in the format wav or flac"
    assert problem(sounds, "@riff.wav", "f32", (-1,)).startswith("riff.wav: ")
    assert problem(sounds, "@mono.flac", "u8", (-1,)) == (
        "mono.flac: a sound is decoded as f32, i16, i32, f64, or taken as bytes, but not as u8"
    )
    assert problem(sounds, "@mono.flac", "f32", ()) == (
        "mono.flac: a sound has the shape [frames] or [frames, channels], not []"
    )
    assert problem(sounds, "@bomb.flac", "f32", (-1,)).startswith("bomb.flac: its sound has 2")
