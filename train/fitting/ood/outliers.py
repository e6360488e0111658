"""Outliers, pictures that are not close-ups of skin, for fitting the out-of-distribution gate: rendered ones, and crops
of ordinary pictures that scikit-image and scikit-learn carry inside their packages (nothing is downloaded)."""

from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np

Picture = np.ndarray

PACKAGED: dict[str, tuple[str, ...]] = {
    "skimage/data": (
        "astronaut.png",
        "brick.png",
        "camera.png",
        "chelsea.png",
        "chessboard_RGB.png",
        "coffee.png",
        "coins.png",
        "color.png",
        "grass.png",
        "gravel.png",
        "horse.png",
        "hubble_deep_field.jpg",
        "ihc.png",
        "moon.png",
        "motorcycle_left.png",
        "page.png",
        "rocket.jpg",
        "text.png",
    ),
    "sklearn/datasets/images": ("china.jpg", "flower.jpg"),
}
"""Package folder -> pictures in it: those that show no tissue and no smooth blob, which skin can look like."""
_LONGEST_SHORT_SIDE = 448


def packaged() -> list[Picture]:
    """The packages' ordinary pictures, each (H, W, 3) uint8; those that an installation lacks are left out."""
    import skimage
    import sklearn

    roots = {"skimage": Path(skimage.__file__).parent, "sklearn": Path(sklearn.__file__).parent}
    found = []
    for folder, names in PACKAGED.items():
        package, inside = folder.split("/", 1)
        for name in names:
            bgr = cv2.imread(str(roots[package] / inside / name), cv2.IMREAD_COLOR)
            if bgr is not None:
                shrink = min(1.0, _LONGEST_SHORT_SIDE / min(bgr.shape[:2]))
                bgr = cv2.resize(bgr, None, fx=shrink, fy=shrink, interpolation=cv2.INTER_AREA)
                found.append(np.ascontiguousarray(bgr[:, :, ::-1]))
    return found


def crops(pictures: list[Picture], count: int, size: int, rng: np.random.Generator) -> Iterator[Picture]:
    """``count`` random square crops, (size, size, 3) uint8, in turn of every picture.

    A crop keeps at least half of the short side, so that it still shows what it is a picture of. Some are tinted like
    skin, or blurred: colour and softness alone must not make a picture skin.
    """
    for i in range(count):
        picture = pictures[i % len(pictures)]
        height, width = picture.shape[:2]
        side = int(min(height, width) * rng.uniform(0.5, 1.0))
        top, left = rng.integers(0, height - side + 1), rng.integers(0, width - side + 1)
        square = cv2.resize(picture[top : top + side, left : left + side], (size, size), interpolation=cv2.INTER_AREA)
        if rng.random() < 0.5:
            square = square[:, ::-1]
        if rng.random() < 0.3:
            square = _tinted(square, rng)
        if rng.random() < 0.2:
            square = cv2.GaussianBlur(square, (0, 0), rng.uniform(0.7, 2.0))
        yield np.ascontiguousarray(square)


def rendered(count: int, size: int, rng: np.random.Generator) -> Iterator[Picture]:
    """``count`` rendered pictures, (size, size, 3) uint8, of every kind in turn."""
    for i in range(count):
        kind = _KINDS[i % len(_KINDS)]
        picture = kind(size, rng)
        if kind in _TINTABLE and rng.random() < 0.2:
            picture = _tinted(picture, rng)
        yield np.ascontiguousarray(picture)


def _tinted(picture: Picture, rng: np.random.Generator) -> Picture:
    """The picture's lightness in shades of one skin-like colour."""
    grey = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)[:, :, None].astype(np.float32) / 255
    skin = np.array([rng.uniform(150, 245), rng.uniform(105, 190), rng.uniform(80, 170)], np.float32)
    return np.clip(grey * skin * rng.uniform(0.9, 1.4), 0, 255).astype(np.uint8)


def _colour(rng: np.random.Generator) -> tuple[int, int, int]:
    red, green, blue = (int(c) for c in rng.integers(0, 256, 3))
    return red, green, blue


def _points(size: int, count: int, rng: np.random.Generator) -> np.ndarray:
    return rng.integers(-size // 8, size + size // 8, (count, 1, 2)).astype(np.int32)


def _noise(size: int, rng: np.random.Generator, roughness: float, along: tuple[float, float] = (1.0, 1.0)) -> Picture:
    """(size, size) noise in 0…1 whose spectrum falls as frequency ** -roughness, stretched by ``along``."""
    x = np.fft.fftfreq(size)[None, :] * along[0]
    y = np.fft.fftfreq(size)[:, None] * along[1]
    spectrum = np.fft.fft2(rng.normal(size=(size, size))) / np.maximum(np.hypot(x, y), 1 / size) ** roughness
    field = np.fft.ifft2(spectrum).real
    low, high = np.quantile(field, [0.01, 0.99])
    return np.clip((field - low) / (high - low), 0, 1).astype(np.float32)


def _between(field: np.ndarray, colours: list[tuple[int, int, int]]) -> Picture:
    """Map 0…1 onto a row of colours."""
    steps = np.linspace(0, 1, len(colours))
    channels = [np.interp(field, steps, [c[i] for c in colours]) for i in range(3)]
    return np.stack(channels, axis=2).astype(np.uint8)


def _gradient(size: int, rng: np.random.Generator) -> Picture:
    y, x = np.mgrid[0:size, 0:size] / size
    if rng.random() < 0.5:
        angle = rng.uniform(0, 2 * np.pi)
        field = x * np.cos(angle) + y * np.sin(angle)
        field = (field - field.min()) / (field.max() - field.min())
    else:
        field = np.clip(np.hypot(x - rng.uniform(0, 1), y - rng.uniform(0, 1)), 0, 1)
    return _between(field, [_colour(rng) for _ in range(rng.integers(2, 5))])


def _document(size: int, rng: np.random.Generator) -> Picture:
    paper, ink = (int(rng.integers(205, 256)), int(rng.integers(0, 90)))
    if rng.random() < 0.25:
        paper, ink = ink, paper
    page = np.full((size, size, 3), paper, np.uint8)
    letters = np.array(list("abcdefghijklmnopqrstuvwxyz        ABCDEFGHIJ0123456789.,"))
    scale = rng.uniform(0.3, 1.2)
    margin = int(rng.integers(2, size // 6))
    for line in np.arange(margin + 24 * scale, size - 4, rng.uniform(28, 44) * scale):
        words = "".join(rng.choice(letters, int(rng.integers(4, 60))))
        font = int(rng.choice([cv2.FONT_HERSHEY_SIMPLEX, cv2.FONT_HERSHEY_COMPLEX, cv2.FONT_HERSHEY_PLAIN]))
        cv2.putText(page, words, (margin, int(line)), font, scale, (ink,) * 3, 1 + int(scale > 0.7), cv2.LINE_AA)
    return _turned(page, rng, 15)


def _digit(size: int, rng: np.random.Generator) -> Picture:
    ground, ink = _colour(rng), _colour(rng)
    if rng.random() < 0.6:
        ground, ink = ((0, 0, 0), (255, 255, 255)) if rng.random() < 0.5 else ((255, 255, 255), (0, 0, 0))
    page = np.full((size, size, 3), ground, np.uint8)
    scale = size / 224 * rng.uniform(3, 7)
    letter = str(rng.choice(np.array(list("0123456789ABCKMRXZ?&"))))
    (width, height), _ = cv2.getTextSize(letter, cv2.FONT_HERSHEY_DUPLEX, scale, 1)
    at = (int((size - width) / 2 + rng.normal(0, size / 16)), int((size + height) / 2 + rng.normal(0, size / 16)))
    cv2.putText(page, letter, at, cv2.FONT_HERSHEY_DUPLEX, scale, ink, int(rng.integers(6, 36)), cv2.LINE_AA)
    page = _turned(page, rng, 20)
    if rng.random() < 0.5:  # a small bitmap, enlarged
        small = int(rng.integers(20, 48))
        smooth = cv2.INTER_LINEAR if rng.random() < 0.5 else cv2.INTER_NEAREST
        page = cv2.resize(
            cv2.resize(page, (small, small), interpolation=cv2.INTER_AREA), (size, size), None, 0, 0, smooth
        )
    return page


def _drawing(size: int, rng: np.random.Generator) -> Picture:
    page = np.full((size, size, 3), rng.integers(190, 256), np.uint8)
    ink = _colour(rng) if rng.random() < 0.4 else (int(rng.integers(0, 80)),) * 3
    for _ in range(rng.integers(4, 20)):
        width = int(rng.integers(1, 4))
        if rng.random() < 0.5:
            cv2.polylines(
                page, [_points(size, int(rng.integers(2, 7)), rng)], rng.random() < 0.5, ink, width, cv2.LINE_AA
            )
        else:
            axes = tuple(int(a) for a in rng.integers(4, size // 2, 2))
            centre = tuple(int(c) for c in rng.integers(0, size, 2))
            cv2.ellipse(page, centre, axes, float(rng.uniform(0, 180)), 0, 360, ink, width, cv2.LINE_AA)
    return page


def _pattern(size: int, rng: np.random.Generator) -> Picture:
    """A checkerboard, stripes, or dots, in two colours."""
    y, x = np.mgrid[0:size, 0:size].astype(np.float32)
    angle, period = rng.uniform(0, np.pi), rng.uniform(6, size / 2)
    across = (x * np.cos(angle) + y * np.sin(angle)) / period
    down = (y * np.cos(angle) - x * np.sin(angle)) / period
    kind = rng.integers(3)
    if kind == 0:
        field = (np.floor(across) + np.floor(down)) % 2
    elif kind == 1:
        field = np.floor(2 * across) % 2
    else:
        field = (np.hypot(across % 1 - 0.5, down % 1 - 0.5) < rng.uniform(0.2, 0.45)).astype(np.float32)
    return _between(cv2.GaussianBlur(field, (0, 0), rng.uniform(0.3, 1.5)), [_colour(rng), _colour(rng)])


def _texture(size: int, rng: np.random.Generator) -> Picture:
    return _between(_noise(size, rng, rng.uniform(0.3, 1.5)), [_colour(rng) for _ in range(rng.integers(2, 6))])


def _fur(size: int, rng: np.random.Generator) -> Picture:
    """Long strands in one direction, patched in fur colours."""
    strands = _noise(size, rng, rng.uniform(0.6, 1.3), (1.0, rng.uniform(4, 14)))
    patches = _noise(size, rng, 2.2)
    dark, light = rng.uniform(0, 110), rng.uniform(130, 255)
    warm = np.array([1.0, rng.uniform(0.75, 1), rng.uniform(0.5, 1)])
    field = np.clip(0.55 * strands + 0.45 * patches, 0, 1)[:, :, None]
    return _turned(np.clip((dark + (light - dark) * field) * warm, 0, 255).astype(np.uint8), rng, 180)


def _scene(size: int, rng: np.random.Generator) -> Picture:
    """Sky above, ground below, and boxes with windows, or trees, in between."""
    horizon = int(size * rng.uniform(0.25, 0.75))
    sky = [(int(rng.integers(90, 220)), int(rng.integers(140, 230)), 255), (235, 240, int(rng.integers(200, 256)))]
    picture = _between(np.repeat(np.linspace(0, 1, size)[:, None], size, 1), sky)
    ground = _noise(size, rng, rng.uniform(0.5, 1.6))
    picture[horizon:] = _between(ground, [_colour(rng), _colour(rng)])[horizon:]
    for _ in range(rng.integers(2, 9)):
        left, width = int(rng.integers(-20, size)), int(rng.integers(size // 12, size // 2))
        top, bottom = int(rng.integers(0, horizon + 1)), horizon + int(rng.integers(0, size // 4))
        if rng.random() < 0.6:
            cv2.rectangle(picture, (left, top), (left + width, bottom), _colour(rng), -1)
            pane, gap = _colour(rng), int(rng.integers(8, 30))
            for y in range(top + gap // 2, bottom - gap // 2, gap):
                for x in range(left + gap // 2, left + width - gap // 2, gap):
                    cv2.rectangle(picture, (x, y), (x + gap // 2, y + gap // 2), pane, -1)
        else:
            crown = np.zeros((size, size), np.uint8)
            cv2.ellipse(crown, (left + width // 2, top), (width // 2, max(4, (bottom - top) // 2)), 0, 0, 360, 1, -1)
            green = (int(rng.integers(20, 110)), int(rng.integers(70, 170)), int(rng.integers(10, 80)))
            leaves = _between(_noise(size, rng, 0.8), [(10, 25, 10), green])
            picture[crown > 0] = leaves[crown > 0]
    return picture


def _objects(size: int, rng: np.random.Generator) -> Picture:
    """Heaped shaded shapes of a few colours on a table: food, toys, fruit."""
    picture = _between(_noise(size, rng, 1.5), [_colour(rng), _colour(rng)])
    palette = [_colour(rng) for _ in range(rng.integers(2, 6))]
    y, x = np.mgrid[0:size, 0:size].astype(np.float32)
    for _ in range(rng.integers(3, 26)):
        cx, cy = rng.uniform(0, size, 2)
        a, b = rng.uniform(size / 20, size / 4, 2)
        angle = rng.uniform(0, np.pi)
        u = ((x - cx) * np.cos(angle) + (y - cy) * np.sin(angle)) / a
        v = ((y - cy) * np.cos(angle) - (x - cx) * np.sin(angle)) / b
        inside = np.maximum(np.abs(u), np.abs(v)) < 1 if rng.random() < 0.3 else np.hypot(u, v) < 1
        shade = np.clip(1.15 - 0.6 * np.hypot(u + 0.4, v + 0.4) / 1.5, 0.2, 1.3)[:, :, None]
        coloured = np.clip(np.array(palette[rng.integers(len(palette))]) * shade, 0, 255)
        picture[inside] = coloured[inside].astype(np.uint8)
    return cv2.GaussianBlur(picture, (0, 0), rng.uniform(0.4, 1.5))


def _screen(size: int, rng: np.random.Generator) -> Picture:
    """Panels, buttons and lines of text, as on a screenshot."""
    page = np.full((size, size, 3), _colour(rng) if rng.random() < 0.3 else rng.integers(225, 256), np.uint8)
    for _ in range(rng.integers(4, 16)):
        x, y = (int(c) for c in rng.integers(0, size, 2))
        width, height = (int(c) for c in rng.integers(8, size // 2, 2))
        cv2.rectangle(page, (x, y), (x + width, y + height), _colour(rng), -1 if rng.random() < 0.7 else 1)
        cv2.putText(page, "Menu Save 42 Open"[: width // 6 + 1], (x + 3, y + 12), 0, 0.35, _colour(rng), 1, cv2.LINE_AA)
    return page


def _turned(picture: Picture, rng: np.random.Generator, most: float) -> Picture:
    size = picture.shape[0]
    turn = cv2.getRotationMatrix2D((size / 2, size / 2), rng.uniform(-most, most), 1.0)
    return cv2.warpAffine(picture, turn, (size, size), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101)


_KINDS: tuple[Callable[[int, np.random.Generator], Picture], ...] = (
    _gradient,
    _document,
    _digit,
    _drawing,
    _pattern,
    _texture,
    _fur,
    _scene,
    _objects,
    _screen,
)

# In skin's colours the others could pass for skin: a smooth gradient, or a blob on a plain ground.
_TINTABLE = frozenset({_document, _drawing, _pattern, _fur, _scene, _screen})
