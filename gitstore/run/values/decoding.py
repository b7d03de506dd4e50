"""Decoding images and sounds into numbers. Needs the extra gitstore[media]: Pillow and soundfile.

An image is an array of rows, columns and channels: the shape of its parameter says how many channels, and
without a third dimension the image is grey. u8 goes from 0 to 255, floats from 0 to 1. The image is as a
viewer shows it: its EXIF orientation is applied, transparency is dropped unless there are four channels, and
of an animation it is the first picture.

A sound is an array of frames and channels; with one dimension it is mono, the mean of the channels. Floats go
from -1 to 1, i16 and i32 over their whole range. It keeps its sample rate.

Sizes are checked before anything is decoded. Errors are ValueErrors, or those of the two libraries.
"""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from gitstore.run.values import arrayfiles, bounded
from gitstore.run.worker import tensors
from gitstore.run.worker.tensors import Array
from gitstore.settings.schema import Parameter

if TYPE_CHECKING:
    from PIL import Image

IMAGES = (".png", ".jpg", ".jpeg", ".webp")
SOUNDS = (".wav", ".flac")

MAX_FILE = 256 << 20
MAX_DECODED = 1 << 30
"""The most bytes of a file that is decoded, and of its array."""

MAX_PIXELS = 1 << 26
"""The most pixels of an image, below the limit at which Pillow warns."""

MISSING = "images and sounds as numbers need more packages: pip install gitstore[media]"

_MODES = {1: "L", 3: "RGB", 4: "RGBA"}
_FLOATS = ("f32", "f64", "f16")


def read_image(path: Path, definition: Parameter) -> Array:
    """Decode a .png, .jpeg or .webp file as the type and the shape of a parameter ask for it."""
    try:
        from PIL import Image, ImageOps, UnidentifiedImageError
    except ImportError as error:
        raise ValueError(MISSING) from error
    type_name = _choose_type(definition, ("u8", *_FLOATS), "an image")
    shape = definition.shape
    if len(shape) not in (2, 3) or (len(shape) == 3 and shape[2] not in (-1, *_MODES)):
        raise ValueError(
            f"an image has the shape [rows, columns] or [rows, columns, 1, 3 or 4], not {list(shape)}"
        )
    with path.open("rb") as file, warnings.catch_warnings():
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        bounded.check_size(arrayfiles.check_regular(file), MAX_FILE)
        try:
            image = Image.open(file, formats=["PNG", "JPEG", "WEBP"])
        except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
            raise _too_many_pixels() from error
        except UnidentifiedImageError as error:
            raise ValueError("it is not an image in the format png, jpeg or webp") from error
        if image.width * image.height > MAX_PIXELS:
            raise _too_many_pixels()
        channels = shape[2] if len(shape) == 3 else 1
        size = image.width * image.height * (channels if channels > 0 else 4)
        bounded.check_size(size * tensors.NUMERIC[type_name].itemsize, MAX_DECODED, "its picture")
        pixels = _read_pixels(ImageOps.exif_transpose(image), channels)
    scaled = pixels if type_name == "u8" else _scale(pixels, tensors.NUMERIC[type_name])
    return scaled if len(shape) == 3 else scaled[:, :, 0]


def _read_pixels(image: Image.Image, channels: int) -> Array:
    """Return rows, columns and channels, as u8. -1 is as many channels as the file has."""
    if image.mode.startswith("I"):  # 16 bits of grey
        grey = np.asarray(image).astype(np.int64) >> 8
        image = _make_image(np.clip(grey, 0, 255).astype(np.uint8))
    if channels == -1:
        is_transparent = image.has_transparency_data
        is_grey = image.mode in ("1", "L")
        channels = 4 if is_transparent else 1 if is_grey else 3
    pixels = np.asarray(image.convert(_MODES[channels]))
    return pixels.reshape(pixels.shape[0], pixels.shape[1], channels)


def _make_image(pixels: Array) -> Image.Image:
    from PIL import Image

    return Image.fromarray(pixels)


def _scale(pixels: Array, dtype: np.dtype[Any]) -> Array:
    scaled = pixels.astype(np.float32 if dtype.itemsize < 4 else dtype)
    scaled /= 255
    return scaled.astype(dtype, copy=False)


def _too_many_pixels() -> ValueError:
    return ValueError(f"its picture has more than {MAX_PIXELS:,} pixels, the most that are decoded")


def read_sound(path: Path, definition: Parameter) -> Array:
    """Decode a .wav or .flac file as the type and the shape of a parameter ask for it."""
    try:
        import soundfile
    except (ImportError, OSError) as error:  # OSError: without the library libsndfile
        raise ValueError(MISSING) from error
    type_name = _choose_type(definition, ("f32", "i16", "i32", "f64"), "a sound")
    names = {"f32": "float32", "f64": "float64", "i16": "int16", "i32": "int32"}
    if len(definition.shape) not in (1, 2):
        raise ValueError(
            f"a sound has the shape [frames] or [frames, channels], not {list(definition.shape)}"
        )
    with path.open("rb") as file:
        bounded.check_size(arrayfiles.check_regular(file), MAX_FILE)
        # libsndfile knows many more formats by their content.
        if file.read(4) not in (b"RIFF", b"fLaC"):
            raise ValueError("it is not a sound in the format wav or flac")
        file.seek(0)
        with soundfile.SoundFile(file) as sound:
            size = sound.frames * sound.channels * tensors.NUMERIC[type_name].itemsize
            bounded.check_size(size, MAX_DECODED, "its sound")
            frames: Array = sound.read(dtype=names[type_name], always_2d=True)
            if len(frames) != sound.frames:
                raise ValueError("it ends before its last frame")
    if len(definition.shape) == 2:
        return frames
    mono = frames[:, 0] if frames.shape[1] == 1 else frames.mean(axis=1, dtype=np.float64)
    return np.ascontiguousarray(mono.astype(frames.dtype, copy=False))


def _choose_type(definition: Parameter, possible: tuple[str, ...], subject: str) -> str:
    """Return the first type of a parameter in which there are such arrays."""
    for type_name in definition.types:
        if type_name in possible:
            return str(type_name)
    raise ValueError(
        f"{subject} is decoded as {', '.join(possible)}, or taken as bytes, but not as"
        f" {', '.join(definition.types)}"
    )
