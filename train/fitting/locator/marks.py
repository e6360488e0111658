"""What lies or is drawn beside a lesion in a doctor's photograph: rulers, stickers, pen, fingers, cloth, glints.

Drawn for training only. The scenes that the locator is tested on (``tests.scenes``) draw their marks with other code,
or the network could have learned these very drawings.
"""

from collections.abc import Callable

import cv2
import numpy as np

Picture = np.ndarray
Draw = Callable[[Picture, np.ndarray, np.random.Generator], None]
"""Draws into a picture, (S, S, 3) uint8, in place; takes the lesions' (S, S) bool mask and what is skin, (S, S) uint8,
of which it clears what it covers."""

PAPERS = ((250, 250, 248), (244, 240, 226), (235, 224, 150), (205, 215, 225), (225, 225, 225), (150, 190, 235))
GLOVES = ((70, 110, 190), (110, 90, 180), (235, 235, 238), (60, 60, 66), (240, 225, 200), (60, 150, 140))
PENS = ((40, 30, 90), (60, 40, 130), (20, 20, 24), (30, 60, 150), (120, 30, 60), (20, 90, 60))


def placed(
    picture: Picture, skin: np.ndarray, piece: np.ndarray, cover: np.ndarray, matrix: np.ndarray, shadow: float = 0.0
) -> None:
    """Lay ``piece``, (h, w, 3) uint8 with its (h, w) uint8 cover, on the picture, moved by ``matrix`` (2, 3).

    shadow: how much darker the picture gets beside it, 0…1.
    """
    size = picture.shape[1], picture.shape[0]
    above = cv2.warpAffine(piece, matrix, size, flags=cv2.INTER_AREA, borderMode=cv2.BORDER_REPLICATE)
    share = cv2.warpAffine(cover, matrix, size, flags=cv2.INTER_LINEAR)
    if shadow:
        soft = cv2.GaussianBlur(share, (0, 0), 0.012 * size[0])
        moved = np.roll(soft, (int(0.01 * size[0]), int(0.008 * size[0])), (0, 1)).astype(np.float32) / 255
        picture[:] = (picture * (1 - shadow * moved)[..., None]).astype(np.uint8)
    mixed = share.astype(np.float32)[..., None] / 255
    picture[:] = (picture * (1 - mixed) + above * mixed).astype(np.uint8)
    skin[share > 127] = 0


def _turned(width: float, height: float, at: np.ndarray, angle: float, scale: float = 1.0) -> np.ndarray:
    """(2, 3) that lays a piece's middle at ``at``, turned by ``angle`` radians."""
    cos, sin = scale * np.cos(angle), scale * np.sin(angle)
    turn = np.array([[cos, -sin], [sin, cos]])
    return np.column_stack([turn, at - turn @ np.array([width / 2, height / 2])])


def _beside(lesions: np.ndarray, reach: float, rng: np.random.Generator) -> np.ndarray:
    """A place, x and y in pixels, whose surroundings of ``reach`` pixels cover as little of the lesions as can be."""
    size = lesions.shape[0]
    best, least = np.zeros(2), np.inf
    for _ in range(6):
        at = rng.uniform(0.02, 0.98, 2) * size
        left, top = np.maximum(at - reach, 0).astype(int)
        right, bottom = (at + reach).astype(int) + 1
        covered = float(np.count_nonzero(lesions[top:bottom, left:right]))
        if covered < least:
            best, least = at, covered
        if covered == 0:
            break
    return best


def _edge(size: int, depth: float, rng: np.random.Generator) -> tuple[np.ndarray, float]:
    """A point ``depth`` pixels inside a side of the picture, and the angle of that side."""
    side = int(rng.integers(4))
    along = rng.uniform(0.1, 0.9) * size
    at = [(along, depth), (size - depth, along), (along, size - depth), (depth, along)][side]
    return np.array(at), [0.0, np.pi / 2, np.pi, -np.pi / 2][side]


def ruler(picture: Picture, lesions: np.ndarray, skin: np.ndarray, rng: np.random.Generator) -> None:
    """A strip of paper or plastic with a scale, as often in an L, beside the lesion or along a side."""
    size = picture.shape[0]
    wide, high = int(size * rng.uniform(0.5, 1.6)), int(size * rng.uniform(0.07, 0.22))
    paper = np.array(PAPERS[rng.integers(len(PAPERS))]) * rng.uniform(0.7, 1.0)
    piece = np.full((high, wide, 3), paper, np.float32).astype(np.uint8)
    ink = (int(rng.integers(0, 70)),) * 3 if rng.random() < 0.8 else PENS[rng.integers(len(PENS))]
    step, number = size * rng.uniform(0.018, 0.07), int(rng.integers(0, 12))
    for i in range(int(wide / step) + 1):
        x = int(i * step)
        reach = 0.5 if i % 10 == 0 else 0.38 if i % 5 == 0 else 0.25
        cv2.line(piece, (x, 0), (x, int(reach * high)), ink, 1 + int(high > 30), cv2.LINE_AA)
        if i % (10 if step < 0.04 * size else 5) == 0 and high > 14:
            cv2.putText(piece, str(number), (x + 2, high - 3), 0, high / 60, ink, 1, cv2.LINE_AA)
            number += 1
    if rng.random() < 0.3:
        piece = piece[::-1].copy()
    solid = 255 if rng.random() < 0.75 else int(rng.integers(90, 200))
    cover = np.full((high, wide), solid, np.uint8)
    if rng.random() < 0.5:
        at, angle = _edge(size, rng.uniform(0, 0.16) * size, rng)
    else:
        at, angle = _beside(lesions, high, rng), rng.uniform(0, 2 * np.pi)
    angle += rng.normal(0, 0.12)
    _clear_of(picture, skin, lesions, piece, cover, _turned(wide, high, at, angle), 0.3 * rng.random(), rng)
    if rng.random() < 0.2:
        _clear_of(picture, skin, lesions, piece, cover, _turned(wide, high, at, angle + np.pi / 2), 0.2, rng)


def _clear_of(
    picture: Picture,
    skin: np.ndarray,
    lesions: np.ndarray,
    piece: np.ndarray,
    cover: np.ndarray,
    matrix: np.ndarray,
    shadow: float,
    rng: np.random.Generator,
) -> None:
    """``placed``, but not where it would hide more than a seventh of the lesions."""
    there = cv2.warpAffine(cover, matrix, lesions.shape[::-1]) > 60
    if np.count_nonzero(there & lesions) <= rng.uniform(0, 0.14) * np.count_nonzero(lesions):
        placed(picture, skin, piece, cover, matrix, shadow)


def sticker(picture: Picture, lesions: np.ndarray, skin: np.ndarray, rng: np.random.Generator) -> None:
    """A round or square label with a number, letters or a colour."""
    size = picture.shape[0]
    side = max(8, int(size * rng.uniform(0.06, 0.3)))
    wide = int(side * rng.choice([1.0, 1.0, 1.6, 2.4]))
    colour = PAPERS[rng.integers(len(PAPERS))] if rng.random() < 0.7 else tuple(rng.integers(0, 256, 3).tolist())
    piece = np.full((side, wide, 3), colour, np.uint8)
    cover = np.zeros((side, wide), np.uint8)
    if wide == side and rng.random() < 0.6:
        cv2.circle(cover, (wide // 2, side // 2), side // 2 - 1, 255, -1, cv2.LINE_AA)
    else:
        cover[:] = 255
    ink = (0, 0, 0) if rng.random() < 0.7 else PENS[rng.integers(len(PENS))]
    if rng.random() < 0.25:
        cv2.circle(piece, (wide // 2, side // 2), max(2, side // 4), ink, -1 if rng.random() < 0.5 else 2, cv2.LINE_AA)
    elif rng.random() < 0.85:
        text = "".join(rng.choice(list("0123456789ABCDEFR"), int(rng.integers(1, 4 if wide == side else 7))))
        cv2.putText(piece, text, (int(0.1 * wide), int(0.75 * side)), 0, side / 45, ink, 1 + side // 30, cv2.LINE_AA)
    matrix = _turned(wide, side, _beside(lesions, 0.6 * wide, rng), rng.uniform(0, 2 * np.pi))
    _clear_of(picture, skin, lesions, piece, cover, matrix, 0.25 * rng.random(), rng)


def pen(picture: Picture, lesions: np.ndarray, skin: np.ndarray, rng: np.random.Generator) -> None:
    """A ring, a broken ring, an arrow, dots, a cross or letters of a doctor's pen around or beside the lesion."""
    size = picture.shape[0]
    stain = np.zeros((size, size), np.uint8)
    rows, columns = np.nonzero(lesions)
    middle = np.array([columns.mean(), rows.mean()]) if len(rows) else rng.uniform(0.3, 0.7, 2) * size
    reach = 0.5 * float(np.sqrt(len(rows) * 4 / np.pi)) if len(rows) else 0.1 * size
    width = max(1, int(size * rng.uniform(0.006, 0.03)))
    kind = rng.integers(6)
    if kind <= 1:
        around = reach * rng.uniform(1.4, 2.6) * np.array([1, rng.uniform(0.75, 1.3)]) + 0.02 * size
        angles = np.linspace(0, 2 * np.pi * rng.choice([1.0, 0.9, 0.6]), 60) + rng.uniform(0, 6)
        ring = middle + around * np.column_stack([np.cos(angles), np.sin(angles)])
        ring = ring + np.cumsum(rng.normal(0, 0.002 * size, ring.shape), axis=0)
        if kind == 0:
            cv2.polylines(stain, [np.round(ring * 16).astype(np.int32)[:, None]], False, 255, width, cv2.LINE_AA, 4)
        else:
            for start in range(0, 60, 8):
                part = np.round(ring[start : start + 4] * 16).astype(np.int32)
                cv2.polylines(stain, [part[:, None]], False, 255, width, cv2.LINE_AA, 4)
    elif kind == 2:
        angle = rng.uniform(0, 2 * np.pi)
        away = np.array([np.cos(angle), np.sin(angle)])
        tip = middle + away * (reach * 1.3 + 0.03 * size)
        tail = middle + away * (reach * 1.3 + rng.uniform(0.12, 0.4) * size)
        cv2.arrowedLine(stain, _point(tail), _point(tip), 255, width, cv2.LINE_AA, 0, 0.3)
    elif kind == 3:
        for angle in rng.uniform(0, 2 * np.pi, int(rng.integers(1, 6))):
            at = middle + (reach * rng.uniform(1.3, 2.2) + 0.03 * size) * np.array([np.cos(angle), np.sin(angle)])
            cv2.circle(stain, _point(at), int(width * rng.uniform(1, 2.2)), 255, -1, cv2.LINE_AA)
    elif kind == 4:
        at, arm = _beside(lesions, 0.06 * size, rng), rng.uniform(0.03, 0.08) * size
        cv2.line(stain, _point(at - arm), _point(at + arm), 255, width, cv2.LINE_AA)
        cv2.line(
            stain, _point(at + arm * np.array([1, -1])), _point(at + arm * np.array([-1, 1])), 255, width, cv2.LINE_AA
        )
    else:
        text = "".join(rng.choice(list("0123456789ABCLR"), int(rng.integers(1, 4))))
        at = _beside(lesions, 0.12 * size, rng)
        cv2.putText(stain, text, _point(at), 0, size * rng.uniform(0.003, 0.007), 255, width, cv2.LINE_AA)
    stain = cv2.GaussianBlur(stain, (0, 0), 0.3 + 0.004 * size * rng.random()).astype(np.float32)[..., None] / 255
    ink = np.array(PENS[rng.integers(len(PENS))], np.float32)
    strength = rng.uniform(0.45, 0.95) * stain
    picture[:] = (picture * (1 - strength) + np.minimum(picture, ink) * strength).astype(np.uint8)


def _point(at: np.ndarray) -> tuple[int, int]:
    return int(at[0]), int(at[1])


def finger(picture: Picture, lesions: np.ndarray, skin: np.ndarray, rng: np.random.Generator) -> None:
    """A finger from a side, gloved or bare, with or without its nail."""
    size = picture.shape[0]
    wide, high = int(size * rng.uniform(0.12, 0.35)), int(size * rng.uniform(0.3, 0.9))
    bare = rng.random() < 0.35
    own = picture[rng.integers(0, size, 40), rng.integers(0, size, 40)].mean(axis=0)
    colour = own * rng.uniform(0.85, 1.15) if bare else np.array(GLOVES[rng.integers(len(GLOVES))])
    across = np.linspace(-1, 1, wide, dtype=np.float32)
    shade = np.clip(1.1 - 0.55 * np.abs(across + rng.uniform(-0.3, 0.3)) ** 2, 0.3, 1.2)
    grain = 1 + 0.04 * cv2.GaussianBlur(rng.normal(0, 1, (high, wide)).astype(np.float32), (0, 0), 1.5)
    piece = np.clip(colour * (shade * grain)[..., None], 0, 255).astype(np.uint8)
    cover = np.zeros((high, wide), np.uint8)
    cv2.rectangle(cover, (0, wide // 2), (wide, high), 255, -1)
    cv2.circle(cover, (wide // 2, wide // 2), wide // 2 - 1, 255, -1, cv2.LINE_AA)
    if bare and rng.random() < 0.6:
        nail = tuple(float(c) for c in np.clip(colour * 1.15, 0, 255))
        cv2.ellipse(piece, (wide // 2, int(0.45 * wide)), (wide // 4, wide // 3), 0, 0, 360, nail, -1, cv2.LINE_AA)
    at, angle = _edge(size, high * rng.uniform(-0.1, 0.35), rng)
    matrix = _turned(wide, high, at, angle + np.pi + rng.normal(0, 0.4))
    before = skin.copy()
    _clear_of(picture, skin, lesions, piece, cover, matrix, 0.5 * rng.random(), rng)
    if bare:
        skin[:] = before


def cloth(size: int, rng: np.random.Generator) -> Picture:
    """(size, size, 3) uint8 of woven or plain cloth, paper towel, a table or a wall, with folds and stripes."""
    first, second = (np.array(c, np.float32) for c in rng.integers(0, 256, (2, 3)))
    if rng.random() < 0.5:  # most cloth and walls are near white, grey, blue or green
        first = np.full(3, rng.uniform(60, 250)) + rng.normal(0, 14, 3)
    y, x = np.mgrid[0:size, 0:size].astype(np.float32)
    angle = rng.uniform(0, np.pi)
    along, across = x * np.cos(angle) + y * np.sin(angle), y * np.cos(angle) - x * np.sin(angle)
    picture = np.broadcast_to(first, (size, size, 3)).copy()
    if rng.random() < 0.4:
        stripe = np.sin(along * rng.uniform(0.05, 0.8)) * (
            np.sin(across * rng.uniform(0.05, 0.8)) if rng.random() < 0.4 else 1
        )
        picture += (second - first) * (np.clip(stripe * 3, -1, 1) * 0.5 + 0.5)[..., None] * rng.uniform(0.2, 1)
    folds = cv2.GaussianBlur(rng.normal(0, 1, (size, size)).astype(np.float32), (0, 0), size * rng.uniform(0.03, 0.15))
    folds = folds / (folds.std() + 1e-6)
    weave = np.sin(along * rng.uniform(0.8, 2.5)) * np.sin(across * rng.uniform(0.8, 2.5))
    light = 1 + rng.uniform(0, 0.25) * folds + rng.uniform(0, 0.08) * weave
    light += rng.uniform(0, 0.05) * rng.normal(0, 1, (size, size)).astype(np.float32)
    return np.clip(picture * light[..., None], 0, 255).astype(np.uint8)


def surroundings(
    picture: Picture, other: Picture, lesions: np.ndarray, skin: np.ndarray, rng: np.random.Generator
) -> None:
    """What lies beyond an arm, a leg or the edge of a sleeve: ``other``, on one side or on both."""
    size = picture.shape[0]
    y, x = np.mgrid[0:size, 0:size].astype(np.float32) / size - 0.5
    angle = rng.uniform(0, 2 * np.pi)
    along, across = x * np.cos(angle) + y * np.sin(angle), y * np.cos(angle) - x * np.sin(angle)
    bend = rng.uniform(-0.6, 0.6) * along**2 + rng.uniform(-0.3, 0.3) * along
    both = rng.random() < 0.45
    depth = (rng.uniform(0.12, 0.45) if both else rng.uniform(-0.05, 0.45)) - bend
    inside = depth - (np.abs(across) if both else across)
    beyond = np.clip(0.5 - inside * size / rng.uniform(1, 4), 0, 1)
    if np.count_nonzero((beyond > 0.5) & lesions) > 0.05 * np.count_nonzero(lesions):
        return
    if rng.random() < 0.6:  # a limb is round: darker towards its edge
        picture[:] = (picture * (1 - rng.uniform(0.1, 0.5) * np.exp(-np.clip(inside, 0, 1) / 0.08))[..., None]).astype(
            np.uint8
        )
    picture[:] = (picture * (1 - beyond)[..., None] + other * beyond[..., None]).astype(np.uint8)
    skin[beyond > 0.5] = 0


def glints(picture: Picture, lesions: np.ndarray, skin: np.ndarray, rng: np.random.Generator) -> None:
    """A flash's reflections on moist or oily skin."""
    size = picture.shape[0]
    light = np.zeros((size, size), np.float32)
    for _ in range(int(rng.integers(1, 9))):
        at, radius = rng.uniform(0, size, 2), size * np.exp(rng.uniform(np.log(0.004), np.log(0.05)))
        axes = (max(1, int(radius)), max(1, int(radius * rng.uniform(0.3, 1))))
        cv2.ellipse(light, _point(at), axes, rng.uniform(0, 180), 0, 360, float(rng.uniform(80, 260)), -1)
    light = cv2.GaussianBlur(light, (0, 0), size * rng.uniform(0.003, 0.02))
    picture[:] = np.clip(picture + light[..., None], 0, 255).astype(np.uint8)


DRAWN: tuple[tuple[float, Draw], ...] = (
    (0.35, ruler),
    (0.3, sticker),
    (0.3, pen),
    (0.15, finger),
    (0.12, glints),
)
"""Share of the scenes in which each is drawn."""
