"""What lies beside a lesion in a doctor's photograph, drawn with Pillow. Shares no code with training.

Every function draws on a picture, (H, W, 3) uint8, outside ``kept``, a (H, W) bool mask that has to stay visible, and
returns the new picture. Lengths are shares of the shorter side.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from PIL import Image, ImageDraw, ImageFilter, ImageFont

Mark = Callable[[np.ndarray, np.ndarray, np.random.Generator], np.ndarray]


def _sheet(rgb: np.ndarray) -> Image.Image:
    return Image.new("RGBA", (rgb.shape[1], rgb.shape[0]), (0, 0, 0, 0))


def _laid(rgb: np.ndarray, sheet: Image.Image, kept: np.ndarray, *, over: bool = False) -> np.ndarray:
    """The sheet on the picture; where it would cover what has to stay, it lies beneath unless ``over``."""
    drawn = np.asarray(sheet, dtype=np.float32)
    share = drawn[..., 3:] / 255
    if not over:
        share = share * ~kept[..., None]
    return np.clip(rgb + share * (drawn[..., :3] - rgb), 0, 255).astype(np.uint8)


def _free_corner(kept: np.ndarray, wide: float, high: float, rng: np.random.Generator) -> tuple[int, int]:
    """Top left corner of a place where a piece of this size, in pixels, covers the least of what has to stay."""
    height, width = kept.shape
    summed = np.pad(kept.astype(np.int64).cumsum(0).cumsum(1), ((1, 0), (1, 0)))
    best, least = (0, 0), None
    for _ in range(25):
        x = int(rng.uniform(0, max(1.0, width - wide)))
        y = int(rng.uniform(0, max(1.0, height - high)))
        right, bottom = min(width, int(x + wide)), min(height, int(y + high))
        covered = summed[bottom, right] - summed[y, right] - summed[bottom, x] + summed[y, x]
        if least is None or covered < least:
            best, least = (x, y), covered
    return best


def paper_ruler(rgb: np.ndarray, kept: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A photographer's paper scale: millimetres along one long side, numbers, and black and white bars."""
    side = min(rgb.shape[:2])
    wide, high = int(side * rng.uniform(0.5, 0.9)), int(side * rng.uniform(0.1, 0.16))
    piece = Image.new("RGBA", (wide, high), (*[int(v) for v in rng.uniform(0.75, 1) * np.array([252, 251, 245])], 255))
    pen = ImageDraw.Draw(piece)
    millimetre = wide / rng.integers(28, 55)
    font = ImageFont.load_default(size=max(8, 0.3 * high))
    for i in range(int(wide / millimetre) + 1):
        x = i * millimetre
        length = 0.45 if i % 10 == 0 else 0.34 if i % 5 == 0 else 0.2
        pen.line([(x, 0), (x, length * high)], fill=(15, 15, 18, 255), width=max(1, round(0.12 * millimetre)))
        if i % 10 == 0:
            pen.text((x, 0.52 * high), str(i // 10), fill=(15, 15, 18, 255), font=font, anchor="mt")
    for i in range(6):
        shade = (10, 10, 10, 255) if i % 2 else (255, 255, 255, 255)
        pen.rectangle([wide * (0.5 + i / 12), 0.85 * high, wide * (0.5 + (i + 1) / 12), high], fill=shade)
    angle = float(rng.choice([0, 90, 180, 270]) + rng.normal(0, 8))
    turned = piece.rotate(angle, expand=True, resample=Image.Resampling.BICUBIC)
    sheet = _sheet(rgb)
    sheet.paste(turned, _free_corner(kept, turned.width, turned.height, rng))
    return _laid(rgb, sheet, kept)


def number_label(rgb: np.ndarray, kept: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A round or oblong sticker with the number of the spot."""
    side = min(rgb.shape[:2])
    high = int(side * rng.uniform(0.08, 0.2))
    wide = int(high * rng.choice([1.0, 1.5]))
    colours = [(255, 255, 255), (255, 240, 120), (120, 220, 140), (250, 150, 160), (150, 200, 250)]
    colour = tuple(int(v) for v in np.array(colours[rng.integers(len(colours))]) * rng.uniform(0.8, 1.0))
    sheet, piece = _sheet(rgb), Image.new("RGBA", (wide, high), (0, 0, 0, 0))
    pen = ImageDraw.Draw(piece)
    if wide == high:
        pen.ellipse([0, 0, wide - 1, high - 1], fill=(*colour, 255), outline=(90, 90, 90, 255))
    else:
        pen.rounded_rectangle([0, 0, wide - 1, high - 1], 0.15 * high, fill=(*colour, 255))
    font = ImageFont.load_default(size=0.6 * high)
    pen.text((wide / 2, high / 2), str(rng.integers(1, 40)), fill=(10, 10, 30, 255), font=font, anchor="mm")
    turned = piece.rotate(float(rng.uniform(-40, 40)), expand=True, resample=Image.Resampling.BICUBIC)
    sheet.paste(turned, _free_corner(kept, turned.width, turned.height, rng))
    return _laid(rgb, sheet, kept)


def pen_circle(rgb: np.ndarray, kept: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A ring that a doctor drew round the spot with a violet, blue or black pen, not quite closed."""
    side = min(rgb.shape[:2])
    rows, columns = np.nonzero(kept)
    if len(rows) == 0:
        return rgb
    left, top, right, bottom = columns.min(), rows.min(), columns.max(), rows.max()
    gap = side * rng.uniform(0.03, 0.1)
    ink = [(70, 40, 120), (35, 60, 140), (25, 25, 30)][rng.integers(3)]
    sheet = _sheet(rgb)
    box = [float(left - gap), float(top - gap), float(right + gap), float(bottom + gap)]
    start = float(rng.uniform(0, 360))
    width = max(2, int(side * rng.uniform(0.008, 0.02)))
    ImageDraw.Draw(sheet).arc(box, start, start + float(rng.uniform(250, 350)), fill=(*ink, 200), width=width)
    return _laid(rgb, sheet.filter(ImageFilter.GaussianBlur(0.002 * side)), kept)


def pen_arrow(rgb: np.ndarray, kept: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """An arrow at the spot, or dots at its two sides."""
    side = min(rgb.shape[:2])
    rows, columns = np.nonzero(kept)
    if len(rows) == 0:
        return rgb
    middle = np.array([columns.mean(), rows.mean()])
    reach = 0.5 * max(np.ptp(columns), np.ptp(rows)) + 0.04 * side
    sheet = _sheet(rgb)
    pen = ImageDraw.Draw(sheet)
    ink = (*[(60, 35, 110), (30, 70, 150), (20, 20, 24)][rng.integers(3)], 210)
    angle = rng.uniform(0, 2 * np.pi)
    away = np.array([np.cos(angle), np.sin(angle)])
    width = max(2, int(0.012 * side))
    if rng.random() < 0.5:
        tip, tail = middle + reach * away, middle + (reach + 0.15 * side) * away
        pen.line([tuple(tip), tuple(tail)], fill=ink, width=width)
        for turn in (-0.5, 0.5):
            barb = np.array([np.cos(angle + turn), np.sin(angle + turn)])
            pen.line([tuple(tip), tuple(tip + 0.05 * side * barb)], fill=ink, width=width)
    else:
        for sign in (-1, 1):
            x, y = middle + sign * (reach + 0.02 * side) * away
            pen.ellipse([x - width, y - width, x + width, y + width], fill=ink)
    return _laid(rgb, sheet, kept)


def gloved_finger(rgb: np.ndarray, kept: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A finger in a glove that reaches in from a side."""
    height, width = rgb.shape[:2]
    side = min(height, width)
    broad, long = int(side * rng.uniform(0.14, 0.24)), int(side * rng.uniform(0.25, 0.5))
    colour = np.array([(90, 130, 205), (230, 230, 235), (130, 110, 190), (45, 45, 50)][rng.integers(4)], np.float32)
    shade = np.sqrt(np.clip(1 - np.linspace(-0.97, 0.97, broad) ** 2, 0, 1))
    piece = np.zeros((long, broad, 4), np.uint8)
    piece[..., :3] = np.clip(colour * (0.45 + 0.6 * shade)[None, :, None], 0, 255)
    tip = Image.new("L", (broad, long), 0)
    ImageDraw.Draw(tip).rounded_rectangle([0, 0, broad - 1, 2 * long], broad / 2, fill=255)
    piece[..., 3] = np.asarray(tip)
    quarter = int(rng.integers(4))
    turned = Image.fromarray(np.ascontiguousarray(np.rot90(piece, quarter)))
    along = int(rng.uniform(0, (width if quarter in (0, 2) else height) - broad))
    places = [(along, height - long), (width - long, along), (along, 0), (0, along)]
    sheet = _sheet(rgb)
    sheet.paste(turned, places[quarter])
    hidden = np.asarray(sheet)[..., 3] > 0
    return rgb if (hidden & kept).any() else _laid(rgb, sheet, kept)


def cloth_edge(rgb: np.ndarray, kept: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A sleeve, a gown or a table along a side, with the weave or the grain of its own."""
    height, width = rgb.shape[:2]
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    angle = rng.uniform(0, 2 * np.pi)
    across = ((x - width / 2) * np.cos(angle) + (y - height / 2) * np.sin(angle)) / min(height, width)
    wave = 0.02 * np.sin((x * np.sin(angle) - y * np.cos(angle)) / (0.1 * min(height, width)))
    cloth = across + wave > rng.uniform(0.25, 0.42)
    if (cloth & kept).any():
        return rgb
    colour = np.array([(245, 245, 245), (70, 90, 140), (90, 140, 120), (60, 60, 65), (180, 140, 100)][rng.integers(5)])
    weave = 1 + 0.08 * np.sin(x / rng.uniform(1.5, 4)) * np.sin(y / rng.uniform(1.5, 4))
    folds = 1 + 0.15 * np.sin(across * rng.uniform(8, 30))
    picture = np.where(cloth[..., None], np.clip(colour * (weave * folds)[..., None], 0, 255), rgb)
    return picture.astype(np.uint8)


def body_hairs(rgb: np.ndarray, kept: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """5 to 30 hairs of one colour, over everything."""
    height, width = rgb.shape[:2]
    side = min(height, width)
    sheet = _sheet(rgb)
    pen = ImageDraw.Draw(sheet)
    colour = (*[(25, 20, 18), (70, 48, 34), (150, 120, 80)][rng.integers(3)], 215)
    lie = rng.uniform(0, np.pi)
    for _ in range(int(rng.integers(5, 31))):
        turn = lie + rng.normal(0, 0.35) + np.linspace(0, rng.normal(0, 0.7), 14)
        step = side * rng.uniform(0.1, 0.4) / 14
        points = rng.uniform(0, 1, 2) * (width, height) + np.cumsum(
            step * np.column_stack([np.cos(turn), np.sin(turn)]), axis=0
        )
        pen.line([tuple(p) for p in points], fill=colour, width=max(1, round(0.003 * side)), joint="curve")
    return _laid(rgb, sheet, kept, over=True)


def flash(rgb: np.ndarray, kept: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The flash's bright patch on the skin, and darker corners."""
    height, width = rgb.shape[:2]
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    side = min(height, width)
    at = rng.uniform(0.2, 0.8, 2) * (width, height)
    patch = np.exp(-(((x - at[0]) ** 2 + (y - at[1]) ** 2) / (2 * (0.18 * side) ** 2)))
    corners = np.hypot(x - width / 2, y - height / 2) / np.hypot(width / 2, height / 2)
    light = (1 + rng.uniform(0.05, 0.3) * patch) * (1 - rng.uniform(0, 0.4) * corners**3)
    return np.clip(rgb * light[..., None], 0, 255).astype(np.uint8)


MARKS: dict[str, Mark] = {
    "paper_ruler": paper_ruler,
    "number_label": number_label,
    "pen_circle": pen_circle,
    "pen_arrow": pen_arrow,
    "gloved_finger": gloved_finger,
    "cloth_edge": cloth_edge,
    "body_hairs": body_hairs,
    "flash": flash,
}
