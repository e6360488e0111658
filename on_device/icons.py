"""The page's icons: a lens over a spot, drawn here, as SVG and as the PNGs that phones ask for."""

import cv2
import numpy as np

TEAL, WHITE, SPOT = "#0f766e", "#ffffff", "#f2b89b"
SVG = f"""<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 64 64">
<rect width="64" height="64" rx="14" fill="{TEAL}"/>
<circle cx="29" cy="29" r="14" fill="none" stroke="{WHITE}" stroke-width="5"/>
<path d="M40 40 51 51" stroke="{WHITE}" stroke-width="6" stroke-linecap="round"/>
<circle cx="29" cy="29" r="5.5" fill="{SPOT}"/>
</svg>
"""
_SMOOTH = 4


def png(side: int, *, maskable: bool = False) -> bytes:
    """The icon as a PNG of ``side`` pixels. maskable: filled to the edge and drawn smaller, for phones that cut it."""
    unit = side * _SMOOTH / 64
    canvas = np.zeros((side * _SMOOTH, side * _SMOOTH, 4), np.uint8)
    teal, white, spot = (_bgra(colour) for colour in (TEAL, WHITE, SPOT))
    if maskable:
        canvas[:] = teal
    else:
        corner = 14 * unit
        for box in ((corner, 0, 64 * unit - corner, 64 * unit), (0, corner, 64 * unit, 64 * unit - corner)):
            cv2.rectangle(canvas, _point(box[0], box[1]), _point(box[2] - 1, box[3] - 1), teal, -1)
        for x in (corner, 64 * unit - corner - 1):
            for y in (corner, 64 * unit - corner - 1):
                cv2.circle(canvas, _point(x, y), round(corner), teal, -1)
    scale = 0.75 if maskable else 1.0

    def place(value: float) -> float:
        return (32 + (value - 32) * scale) * unit

    def width(value: float) -> int:
        return round(value * scale * unit)

    cv2.circle(canvas, _point(place(29), place(29)), width(14), white, width(5))
    cv2.line(canvas, _point(place(40), place(40)), _point(place(51), place(51)), white, width(6))
    cv2.circle(canvas, _point(place(29), place(29)), width(5.5), spot, -1)
    small = cv2.resize(canvas, (side, side), interpolation=cv2.INTER_AREA)
    return cv2.imencode(".png", small)[1].tobytes()


def _point(x: float, y: float) -> tuple[int, int]:
    return round(x), round(y)


def _bgra(colour: str) -> tuple[int, int, int, int]:
    red, green, blue = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
    return blue, green, red, 255
