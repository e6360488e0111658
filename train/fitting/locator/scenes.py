"""Composes training scenes for the locator: lesions set into skin of any tone, with marks and surroundings."""

from dataclasses import dataclass, replace

import cv2
import numpy as np

from skin_model.lesion import locate
from train.data.augmentation import augment
from train.fitting.locator import marks
from train.fitting.outline import photographs

Picture = np.ndarray

SMALLEST, LARGEST = 0.04, 0.9
"""Width of a lesion set into a scene, as a share of the picture's."""
LEAST_SHARE_SEEN = 0.3
"""A lesion of which less is left in the picture is no spot to find."""
PHOTOGRAPHS, BARE, ORDINARY = 0.3, 0.05, 0.15
"""Shares of the scenes that are a photograph as it is, skin without a lesion, and no skin at all."""
UNKNOWN = -1.0
"""In the map of skin: cells that are neither to be learned as skin nor as something else."""
CHANGES = replace(photographs.CHANGES, ink=0.0)
"""Changes that leave every spot where it is; ink is drawn where the lesion is known."""
CORNERS = 0.12


@dataclass(frozen=True)
class Material:
    """What scenes are made of.

    squares: (N, K, K, 3) uint8 photographs; masks: (N, K, K) uint8, 1 in the lesion. rendered: plain rendered skin,
    (M, R, R, 3). ordinary: pictures without skin, of any size.
    """

    squares: np.ndarray
    masks: np.ndarray
    rendered: np.ndarray
    ordinary: list[Picture]


@dataclass(frozen=True)
class Scene:
    """picture: (S, S, 3) uint8. spots: (n, 4) float32 left, top, right, bottom in 0…1. skin: (S, S) float32, 1 skin,
    0 something else, or UNKNOWN."""

    picture: Picture
    spots: np.ndarray
    skin: np.ndarray


def compose(material: Material, index: int, size: int, rng: np.random.Generator) -> Scene:
    """One scene with the material's photograph ``index``, (size, size) pixels."""
    kind = rng.random()
    if kind < ORDINARY:
        picture = ordinary(material, size, rng)
        scene = Scene(picture, np.zeros((0, 4), np.float32), np.zeros((size, size), np.float32))
    elif kind < ORDINARY + PHOTOGRAPHS:
        scene = _photograph(material, index, size, rng)
    else:
        scene = _composed(material, index, size, rng, bare=kind < ORDINARY + PHOTOGRAPHS + BARE)
    picture = augment(scene.picture, size, CHANGES, rng)
    if rng.random() < CORNERS:
        covered = augment(picture, size, photographs.DARK_CORNERS, rng)
        dark = 2 * covered.sum(axis=2, dtype=int) < picture.sum(axis=2, dtype=int)
        picture, skin = covered, np.where(dark & (scene.skin > 0), np.float32(UNKNOWN), scene.skin)
        return Scene(locate.exposure_corrected(picture), scene.spots, skin)
    return Scene(locate.exposure_corrected(picture), scene.spots, scene.skin)


def ordinary(material: Material, size: int, rng: np.random.Generator) -> Picture:
    """A region of an ordinary picture, of one colour now and then, or of cloth."""
    kind = rng.random()
    if kind < 0.12:
        return marks.cloth(size, rng)
    picture = material.ordinary[rng.integers(len(material.ordinary))]
    height, width = picture.shape[:2]
    side = min(height, width)
    wide, high = (max(16, int(side * rng.uniform(0.4, 1.0))) for _ in range(2)) if kind < 0.5 else (width, height)
    left, top = rng.integers(0, width - wide + 1), rng.integers(0, height - high + 1)
    part = cv2.resize(picture[top : top + high, left : left + wide], (size, size), interpolation=cv2.INTER_AREA)
    if rng.random() < 0.5:
        part = part[:, ::-1]
    if rng.random() < 0.25:  # colour alone must not make a picture skin
        grey = cv2.cvtColor(np.ascontiguousarray(part), cv2.COLOR_RGB2GRAY)[..., None].astype(np.float32) / 255
        tone = np.array([rng.uniform(120, 245), rng.uniform(80, 190), rng.uniform(55, 170)])
        part = np.clip(grey * tone * rng.uniform(0.9, 1.4), 0, 255).astype(np.uint8)
    return np.ascontiguousarray(part)


def _box(lesion: np.ndarray, whole: float) -> np.ndarray | None:
    """Box in 0…1 around a (S, S) bool mask; None where less than LEAST_SHARE_SEEN of ``whole`` pixels is left."""
    if np.count_nonzero(lesion) < max(3, LEAST_SHARE_SEEN * whole):
        return None
    rows, columns = np.flatnonzero(lesion.any(axis=1)), np.flatnonzero(lesion.any(axis=0))
    box = np.array([columns[0], rows[0], columns[-1] + 1, rows[-1] + 1], np.float32)
    return box / lesion.shape[0]


def _spots(boxes: list[np.ndarray | None]) -> np.ndarray:
    known = [box for box in boxes if box is not None]
    return np.stack(known) if known else np.zeros((0, 4), np.float32)


def _photograph(material: Material, index: int, size: int, rng: np.random.Generator) -> Scene:
    """A region of a photograph as it is, turned, stretched, shifted and zoomed."""
    square, mask = np.array(material.squares[index]), np.array(material.masks[index])
    side = square.shape[0]
    angle, zoom = rng.uniform(0, 2 * np.pi), np.exp(rng.uniform(np.log(0.5), np.log(1.5))) * side / size
    matrix = photographs.turned_and_stretched(angle, zoom, rng)
    centre = side * (0.5 + rng.uniform(-0.3, 0.3, 2))
    matrix = np.column_stack([matrix, centre - matrix @ np.array([size / 2, size / 2])])
    if zoom > 1.2:  # bilinear sampling alone would alias when it shrinks by more than this
        square = cv2.GaussianBlur(square, (0, 0), 0.4 * zoom)
    flags, border = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP, cv2.BORDER_REFLECT_101
    picture = cv2.warpAffine(square, matrix, (size, size), flags=flags, borderMode=border)
    # Mirrored copies of the lesion beyond the photograph's sides are lesions to the eye, but not to be learned as one.
    own = cv2.warpAffine(mask * 255, matrix, (size, size), flags=flags) > 127
    boxes = [_box(own, float(np.count_nonzero(mask)) / max(zoom**2, 1e-6))]
    skin = np.ones((size, size), np.float32)
    if rng.random() < 0.25 and boxes[0] is not None:
        beside = np.ones((size, size), np.uint8)
        for share, draw in marks.DRAWN:
            if rng.random() < share:
                draw(picture, own, beside, rng)
        skin[beside == 0] = 0
    return Scene(picture, _spots(boxes), skin)


def _composed(material: Material, index: int, size: int, rng: np.random.Generator, *, bare: bool) -> Scene:
    picture = _skin(material, size, rng)
    skin = np.ones((size, size), np.uint8)
    lesions = np.zeros((size, size), bool)
    boxes: list[np.ndarray | None] = []
    count = 0 if bare else 1 + int(rng.random() < 0.25) + int(rng.random() < 0.1)
    for number in range(count):
        chosen = index if number == 0 else int(rng.integers(len(material.squares)))
        most = LARGEST if count == 1 else 0.45
        width = np.exp(rng.uniform(np.log(SMALLEST), np.log(most)))
        if width > 0.25 and count == 1 and rng.random() < 0.3:
            width *= 0.5
        own, whole = _set_in(picture, lesions, material, chosen, float(width), rng)
        boxes.append(_box(own, whole))
        lesions |= own
    if rng.random() < 0.4:
        other = marks.cloth(size, rng) if rng.random() < 0.5 else ordinary(material, size, rng)
        marks.surroundings(picture, other, lesions, skin, rng)
    for share, draw in marks.DRAWN:
        if rng.random() < share:
            draw(picture, lesions, skin, rng)
    return Scene(picture, _spots(boxes), skin.astype(np.float32))


def _skin(material: Material, size: int, rng: np.random.Generator) -> Picture:
    """Plain skin, (size, size, 3): rendered, or grown from a part of a photograph beside its lesion."""
    if rng.random() < 0.5:
        part = material.rendered[rng.integers(len(material.rendered))]
        side = int(part.shape[0] * rng.uniform(0.5, 1.0))
        left, top = rng.integers(0, part.shape[0] - side + 1, 2)
        part = part[top : top + side, left : left + side]
    else:
        part = None
        for _ in range(6):
            index = int(rng.integers(len(material.squares)))
            part = _beside_lesion(np.array(material.squares[index]), np.array(material.masks[index]), rng)
            if part is not None:
                break
        if part is None:
            part = material.rendered[rng.integers(len(material.rendered))]
    part = np.rot90(part, int(rng.integers(4)))
    part = part[:, ::-1] if rng.random() < 0.5 else part
    return cv2.resize(np.ascontiguousarray(part), (size, size), interpolation=cv2.INTER_CUBIC)


def _beside_lesion(square: Picture, mask: np.ndarray, rng: np.random.Generator) -> Picture | None:
    """The largest square part of a photograph that holds no lesion, grown by mirroring; None where there is little."""
    room = cv2.distanceTransform(cv2.copyMakeBorder(1 - mask, 1, 1, 1, 1, cv2.BORDER_CONSTANT), cv2.DIST_C, 3)
    row, column = np.unravel_index(int(room.argmax()), room.shape)
    reach = int(room[row, column]) - 2
    if reach < 0.11 * mask.shape[0]:
        return None
    part = square[row - 1 - reach : row - 1 + reach, column - 1 - reach : column - 1 + reach]
    if part.mean() < 40:  # a dermatoscope's dark surround
        return None
    if rng.random() < 0.6:
        grown = int(part.shape[0] * rng.uniform(0.2, 0.9))
        part = cv2.copyMakeBorder(part, grown, grown, grown, grown, cv2.BORDER_REFLECT_101)
    return part


def _set_in(
    picture: Picture, taken: np.ndarray, material: Material, index: int, width: float, rng: np.random.Generator
) -> tuple[np.ndarray, float]:
    """Set a lesion into skin: what it does to its own skin's light, it does to this one's.

    width: of the lesion's longer side, as a share of the picture. Returns its (S, S) bool mask, and the pixels that it
    would have with all of it in the picture.
    """
    size = picture.shape[0]
    square, mask = np.array(material.squares[index]), np.array(material.masks[index])
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    longer = max(rows[-1] - rows[0], columns[-1] - columns[0]) + 1
    zoom = longer / (width * size)
    matrix = photographs.turned_and_stretched(rng.uniform(0, 2 * np.pi), zoom, rng)
    own_middle = np.array([(columns[0] + columns[-1] + 1) / 2, (rows[0] + rows[-1] + 1) / 2])
    at = np.zeros(2)
    for _ in range(8):
        spread = 0.5 * max(0.0, 1 - width) if rng.random() < 0.75 else 0.5
        at = size * (0.5 + np.clip(rng.normal(0, 0.22, 2), -spread, spread))
        if not taken[tuple(np.clip(at[::-1], 0, size - 1).astype(int))]:
            break
    matrix = np.column_stack([matrix, own_middle - matrix @ at])
    border = cv2.dilate(mask, np.ones((15, 15), np.uint8)) - cv2.dilate(mask, np.ones((5, 5), np.uint8))
    around = square[border > 0] if np.count_nonzero(border) > 20 else square[mask == 0]
    own_skin = np.median(around, axis=0) if len(around) else np.full(3, 200.0)
    if zoom > 1.2:
        square = cv2.GaussianBlur(square, (0, 0), 0.4 * zoom)
    soft = cv2.GaussianBlur(cv2.dilate(mask, np.ones((5, 5), np.uint8)) * np.float32(255), (0, 0), 2.5)
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    passes = cv2.warpAffine(square, matrix, (size, size), flags=flags, borderMode=cv2.BORDER_REFLECT_101)
    cover = cv2.warpAffine(soft, matrix, (size, size), flags=flags) / 255 * rng.uniform(0.7, 1.0)
    ratio = np.clip(passes / np.maximum(own_skin, 1), 0, 1.8)
    picture[:] = np.clip(picture * (1 + (ratio - 1) * cover[..., None]), 0, 255).astype(np.uint8)
    own = cv2.warpAffine(mask * 255, matrix, (size, size), flags=flags) > 127
    return own, float(np.count_nonzero(mask)) / abs(float(np.linalg.det(matrix[:, :2])))


def targets(scene: Scene) -> tuple[np.ndarray, np.ndarray]:
    """What the network is to answer: (6, c, c) float32 for spots, and (c, c) for skin, a cell every STRIDE pixels.

    The six: heat 0…1; the four of the answer (offset across and down, log width, log height); and their weight.
    """
    cells = scene.picture.shape[0] // locate.STRIDE
    found = np.zeros((6, cells, cells), np.float32)
    at = (np.arange(cells, dtype=np.float32) + 0.5) / cells
    for left, top, right, bottom in scene.spots:
        x, y, wide, high = (left + right) / 2, (top + bottom) / 2, right - left, bottom - top
        spread_x, spread_y = (max(side / 6, 0.45 / cells) for side in (wide, high))
        heat = np.exp(-(((at[None] - x) / spread_x) ** 2 + ((at[:, None] - y) / spread_y) ** 2) / 2)
        heat[min(int(y * cells), cells - 1), min(int(x * cells), cells - 1)] = 1
        nearer = heat > found[0]
        found[0] = np.maximum(found[0], heat)
        here = nearer & (heat > 0.4)
        found[1][here] = np.broadcast_to(x - at[None], heat.shape)[here]
        found[2][here] = np.broadcast_to(y - at[:, None], heat.shape)[here]
        found[3][here], found[4][here], found[5][here] = np.log(wide), np.log(high), heat[here] / heat[here].sum()
    known = (scene.skin >= 0).astype(np.float32)
    share = cv2.resize(known, (cells, cells), interpolation=cv2.INTER_AREA)
    skin = cv2.resize(np.maximum(scene.skin, 0), (cells, cells), interpolation=cv2.INTER_AREA)
    return found, np.where(share > 0.5, skin / np.maximum(share, 1e-6), UNKNOWN).astype(np.float32)
