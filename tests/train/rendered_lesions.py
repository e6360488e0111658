"""A tiny data folder and its split, rendered: malignant lesions are dark and blue-black, benign ones brown."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

SIZE = 96


def render_lesion(malignant: bool, rng: np.random.Generator) -> np.ndarray:
    """(96, 96, 3) uint8: light skin with one disc."""
    grid = np.arange(SIZE)
    distance = np.hypot(grid[None] - SIZE / 2, grid[:, None] - SIZE / 2)
    radius = rng.uniform(18, 30)
    picture = np.full((SIZE, SIZE, 3), (222, 180, 155), dtype=np.float64)
    picture[distance < radius] = (45, 40, 60) if malignant else (150, 95, 70)
    return np.clip(picture + rng.normal(0, 6, picture.shape), 0, 255).astype(np.uint8)


def write_work(folder: Path, *, training: int = 32, validation: int = 16, seed: int = 0) -> Path:
    """Write photographs and ``folder/work/split.csv``; half are malignant. Returns the work folder."""
    rng = np.random.default_rng(seed)
    data, work = folder / "data", folder / "work"
    (data / "images").mkdir(parents=True)
    work.mkdir()
    rows = []
    for i in range(training + validation):
        malignant = i % 2
        file = f"images/{i}.png"
        Image.fromarray(render_lesion(bool(malignant), rng)).save(data / file)
        rows.append(
            {
                "root": str(data),
                "file": file,
                "source": "rendered",
                "image_id": str(i),
                "group": f"g{i}",
                "split": "train" if i < training else "validation",
                "diagnosis": ("mel" if malignant else "nv") if i % 8 else "",
                "malignant": malignant,
            }
        )
    pd.DataFrame(rows).to_csv(work / "split.csv", index=False)
    return work
