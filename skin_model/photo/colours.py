"""Colours that a file states otherwise than by an ICC profile, and their way to sRGB.

Code points (``cICP`` in PNG, ``nclx`` in HEIF) are those of ITU-T H.273; PQ and HLG as in ITU-R BT.2100, brought to SDR
with reference white at 203 cd/m² (ITU-R BT.2408) and cut above it.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from PIL import Image

REFERENCE_WHITE = 203.0
"""cd/m²: what is white in SDR."""
_HLG_WHITE = 0.26496
"""Scene light of HLG's reference white, 75 % of its signal. A display without highlights needs no system gamma: by
ITU-R BT.2390 that falls to 1 where the peak comes near white."""

Chromaticities = tuple[float, ...]
"""x and y of white, red, green and blue."""

_D65 = (0.3127, 0.3290)
_SRGB: Chromaticities = (*_D65, 0.64, 0.33, 0.30, 0.60, 0.15, 0.06)
_ADOBE_RGB: Chromaticities = (*_D65, 0.64, 0.33, 0.21, 0.71, 0.15, 0.06)
_NTSC: Chromaticities = (*_D65, 0.630, 0.340, 0.310, 0.595, 0.155, 0.070)
_PRIMARIES: dict[int, Chromaticities] = {
    1: _SRGB,
    2: _SRGB,  # unspecified
    4: (0.310, 0.316, 0.67, 0.33, 0.21, 0.71, 0.14, 0.08),
    5: (*_D65, 0.64, 0.33, 0.29, 0.60, 0.15, 0.06),
    6: _NTSC,
    7: _NTSC,
    8: (0.310, 0.316, 0.681, 0.319, 0.243, 0.692, 0.145, 0.049),
    9: (*_D65, 0.708, 0.292, 0.170, 0.797, 0.131, 0.046),
    11: (0.314, 0.351, 0.680, 0.320, 0.265, 0.690, 0.150, 0.060),
    12: (*_D65, 0.680, 0.320, 0.265, 0.690, 0.150, 0.060),
    22: (*_D65, 0.630, 0.340, 0.295, 0.605, 0.155, 0.077),
}
_TRANSFERS: dict[int, str | float] = {
    # Those of cameras and televisions, which are all shown by a curve like sRGB's; 2 is unspecified.
    **dict.fromkeys((1, 2, 6, 7, 11, 12, 13, 14, 15), "srgb"),
    **{4: 2.2, 5: 2.8, 8: 1.0, 16: "pq", 18: "hlg"},
}
_USUAL_GAMMAS = range(43_182, 47_728)
"""Within a twentieth of 1/2.2, which programs state beside sRGB's own curve. libpng, and with it browsers, change no
level for so little; where primaries are stated as well, browsers follow both to the letter."""
_HIGH_DYNAMIC_RANGE = (16, 18)
_PROFILE_HEAD, _MOST_TAGS = 128, 100
_EXIF, _INTEROPERABILITY, _COLOUR_SPACE = 0x8769, 0xA005, 0xA001
_BRADFORD = np.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]])


class UnknownColours(ValueError):
    """The file states colours that are not converted here."""


@dataclass(frozen=True)
class Colours:
    """What RGB levels mean. primaries: of which light. transfer: "srgb", "pq", "hlg", or the power of the level."""

    primaries: Chromaticities = _SRGB
    transfer: str | float = "srgb"

    def to_srgb(self, colours: Image.Image) -> Image.Image:
        """8-bit pixels (L, RGB or CMYK) to RGB pixels in sRGB. CMYK has no such colours, and is only converted."""
        if colours.mode == "CMYK" or self == Colours():
            return colours.convert("RGB")
        return Image.fromarray(self._srgb(np.asarray(colours.convert("RGB")), 255))

    def picture(self, levels: np.ndarray, bits: int) -> Image.Image:
        """(H, W) or (H, W, 1 to 4) levels of grey or RGB, and opacity behind them, of so many bits each (8 to 16), to a
        picture in sRGB, which is RGB or RGBA.
        """
        planes = levels.reshape(*levels.shape[:2], -1)
        channels = planes.shape[2]
        rgb = self._srgb(planes[..., :3] if channels > 2 else np.repeat(planes[..., :1], 3, axis=2), 2**bits - 1)
        if channels % 2:
            return Image.fromarray(rgb)
        opacity = (planes[..., -1:] >> (bits - 8)).astype(np.uint8)
        return Image.fromarray(np.concatenate([rgb, opacity], axis=2))

    def _srgb(self, levels: np.ndarray, most: int) -> np.ndarray:
        """(H, W, 3) levels from 0 to ``most`` to sRGB as uint8."""
        light = _light(self.transfer, most)[levels]
        if self.primaries != _SRGB:
            light = light @ _between(self.primaries, _SRGB).T
        return _encoded()[np.clip(light * _STEPS + 0.5, 0, _STEPS).astype(np.int32)]


ADOBE_RGB = Colours(_ADOBE_RGB, 563 / 256)


def by_code_points(primaries: int, transfer: int) -> Colours | None:
    """H.273's colour primaries and transfer characteristics; None where they say sRGB, or nothing.

    Raises UnknownColours.
    """
    if primaries not in _PRIMARIES or transfer not in _TRANSFERS:
        raise UnknownColours(f"Colour primaries {primaries} with transfer characteristics {transfer}.")
    found = Colours(_PRIMARIES[primaries], _TRANSFERS[transfer])
    return None if found == Colours() else found


def tables() -> dict[str, object]:
    """The same for other languages. PRIMARIES: code point to the nine numbers of a matrix, from linear RGB to sRGB's.
    TRANSFERS: code point to the name of its curve; LIGHT: name to the linear light of 256 levels. ADOBE_RGB: both.
    """
    light = {str(name): _rounded(_light(name, 255)) for name in {**_TRANSFERS, 0: ADOBE_RGB.transfer}.values()}
    matrix = {code: _rounded(_between(places, _SRGB)) for code, places in _PRIMARIES.items()}
    adobe = {"light": light.pop(str(ADOBE_RGB.transfer)), "matrix": _rounded(_between(_ADOBE_RGB, _SRGB))}
    named = {code: str(name) for code, name in _TRANSFERS.items()}
    return {"PRIMARIES": matrix, "TRANSFERS": named, "LIGHT": light, "ADOBE_RGB": adobe}


def _rounded(numbers: np.ndarray) -> list[float]:
    return [round(float(number), 7) for number in numbers.ravel()]


def is_profile(data: bytes | None) -> bool:
    """Whether bytes begin as an ICC profile does; others say nothing about the colours."""
    return data is not None and len(data) > _PROFILE_HEAD and data[36:40] == b"acsp"


def by_profile(data: bytes) -> Colours | None:
    """PQ or HLG as an ICC profile says it (``cicp``, ICC.1:2022). Its curves, made for displays of 10 000 cd/m², would
    make a photo nearly black. Raises UnknownColours.
    """
    for at in range(_PROFILE_HEAD + 4, min(_PROFILE_HEAD + 4 + 12 * _MOST_TAGS, len(data)), 12):
        if data[at : at + 4] == b"cicp":
            place = int.from_bytes(data[at + 4 : at + 8], "big")
            codes = data[place + 8 : place + 10]
            if len(codes) == 2 and codes[1] in _HIGH_DYNAMIC_RANGE:
                return by_code_points(codes[0], codes[1])
    return None


def by_png(data: bytes, has_profile: bool) -> Colours | None:
    """What a PNG states before its pixels: cICP; else sRGB; else gAMA and cHRM.

    None where it says nothing, or has an ICC profile that counts more. Raises UnknownColours.
    """
    chunks: dict[bytes, bytes] = {}
    position = 8
    while position + 12 <= len(data) and (kind := data[position + 4 : position + 8]) != b"IDAT":
        length = int.from_bytes(data[position : position + 4], "big")
        if kind in (b"cICP", b"sRGB", b"gAMA", b"cHRM"):
            chunks.setdefault(kind, data[position + 8 : position + 8 + length])
        position += 12 + length
    stated = chunks.get(b"cICP", b"")
    if len(stated) == 4:
        if stated[2:] != b"\0\1":
            raise UnknownColours("Not RGB in full range.")
        return by_code_points(stated[0], stated[1]) or Colours()
    if has_profile or b"sRGB" in chunks:
        return None if has_profile else Colours()
    gamma = int.from_bytes(chunks.get(b"gAMA", b""), "big")
    if not gamma:
        return None
    places = chunks.get(b"cHRM", b"")
    light = tuple(int.from_bytes(places[at : at + 4], "big") / 100_000 for at in range(0, 32, 4))
    usable = len(places) == 32 and all(light[at] > 0 for at in range(1, 8, 2)) and _is_triangle(light)
    if not usable and gamma in _USUAL_GAMMAS:
        return Colours()
    return Colours(light if usable else _SRGB, 100_000 / gamma)


def by_exif(tags: Image.Exif) -> Colours | None:
    """Adobe RGB, as cameras say it by DCF: interoperability R03, and no colour space that Exif knows."""
    space = _tag(tags, _EXIF, _COLOUR_SPACE)
    if space == 2:
        return ADOBE_RGB
    index = _tag(tags, _INTEROPERABILITY, 1)
    return ADOBE_RGB if space != 1 and isinstance(index, str) and index.rstrip("\0 ") == "R03" else None


def _tag(tags: Image.Exif, directory: int, number: int) -> object:
    try:
        return tags.get_ifd(directory).get(number)
    except Exception:  # unreadable tags say nothing about the colours
        return None


def _is_triangle(light: Chromaticities) -> bool:
    return abs(np.linalg.det(_to_xyz(light, scaled=False))) > 1e-3


_STEPS = 65_535


@cache
def _encoded() -> np.ndarray:
    """(65536,) uint8: linear light in steps to sRGB's level."""
    light = np.arange(_STEPS + 1) / _STEPS
    level = np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)
    return np.round(255 * level).astype(np.uint8)


@cache
def _light(transfer: str | float, most: int) -> np.ndarray:
    """(most + 1,) float32: a level to linear light, of which 1 is reference white. most: the highest level."""
    level = np.arange(most + 1) / most
    if transfer == "srgb":
        light = np.where(level <= 0.04045, level / 12.92, ((level + 0.055) / 1.055) ** 2.4)
    elif transfer == "pq":
        m1, m2, c1, c2, c3 = 2610 / 16384, 2523 / 32, 3424 / 4096, 2413 / 128, 2392 / 128
        root = level ** (1 / m2)
        light = 10_000 / REFERENCE_WHITE * (np.maximum(root - c1, 0) / (c2 - c3 * root)) ** (1 / m1)
    elif transfer == "hlg":
        a, b, c = 0.17883277, 0.28466892, 0.55991073
        light = np.where(level <= 0.5, level**2 / 3, (np.exp((level - c) / a) + b) / 12) / _HLG_WHITE
    else:
        light = level ** float(transfer)  # 0 to 1, however large the power
    return light.astype(np.float32)


def _to_xyz(light: Chromaticities, scaled: bool = True) -> np.ndarray:
    """(3, 3): linear RGB to XYZ, its white of luminance 1."""
    white, corners = light[:2], np.reshape(light[2:], (3, 2))
    columns = np.stack([_xyz(*corner) for corner in corners], axis=1)
    return columns * np.linalg.solve(columns, _xyz(*white)) if scaled else columns


def _xyz(x: float, y: float) -> np.ndarray:
    return np.array([x / y, 1, (1 - x - y) / y])


@cache
def _between(source: Chromaticities, target: Chromaticities) -> np.ndarray:
    """(3, 3) float32: linear RGB to linear RGB of other primaries, white to white (Bradford)."""
    cones = [_BRADFORD @ _xyz(*light[:2]) for light in (source, target)]
    adapted = np.linalg.inv(_BRADFORD) @ np.diag(cones[1] / cones[0]) @ _BRADFORD
    return (np.linalg.inv(_to_xyz(target)) @ adapted @ _to_xyz(source)).astype(np.float32)
