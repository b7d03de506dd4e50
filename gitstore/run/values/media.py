"""Recognising the format of bytes by their first ones, to choose the suffix of a file.

The signatures are from the specifications of the formats, as `file` uses them.
"""

from __future__ import annotations

UNKNOWN = ".bin"

_STARTS = {
    b"\x89PNG\r\n\x1a\n": ".png",
    b"\xff\xd8\xff": ".jpg",
    b"GIF87a": ".gif",
    b"GIF89a": ".gif",
    b"II*\0": ".tif",
    b"MM\0*": ".tif",
    b"fLaC": ".flac",
    b"OggS": ".ogg",
    b"ID3": ".mp3",
    b"\xff\xfb": ".mp3",
    b"\xff\xf3": ".mp3",
    b"\xff\xf2": ".mp3",
    b"%PDF-": ".pdf",
    b"\x1f\x8b\x08": ".gz",
}
_RIFF = {b"WEBP": ".webp", b"WAVE": ".wav", b"AVI ": ".avi"}
_BRANDS = {
    b"qt  ": ".mov",
    b"M4A ": ".m4a",
    b"avif": ".avif",
    b"avis": ".avif",
    b"heic": ".heic",
    b"heix": ".heic",
    b"mif1": ".heic",
}
_MATROSKA = b"\x1aE\xdf\xa3"


def choose_suffix(content: bytes) -> str:
    """Return the suffix for a file with this content: `.png`, `.wav`, …; `.bin` if the format is unknown."""
    for start, suffix in _STARTS.items():
        if content.startswith(start):
            return suffix
    if content.startswith(b"RIFF"):
        return _RIFF.get(content[8:12], UNKNOWN)
    if content[4:8] == b"ftyp":  # ISO 14496-12: videos, and what is built on its boxes
        return _BRANDS.get(content[8:12], ".mp4")
    if content.startswith(_MATROSKA):
        return ".webm" if b"webm" in content[:64] else ".mkv"
    if content.startswith(b"BM") and int.from_bytes(content[2:6], "little") == len(content):
        return ".bmp"
    return UNKNOWN
