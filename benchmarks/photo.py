"""From a photo's bytes to the answer with its overlay on one core, step by step, beside the way that demos take."""

import io
from typing import Annotated, Any

import cv2
import numpy as np
import torch
import typer
from PIL import Image

from benchmarks.speed_page import write_page
from benchmarks.table import timed, write
from examples.render import FOLDER
from skin_model import quality
from skin_model.assess import Assessor
from skin_model.network import saliency
from skin_model.network.torch_backend import attribution
from skin_model.overlay import overlay
from skin_model.photo import open_photo

SIZES = {"12 megapixels": (4000, 3000), "600 × 450": (600, 450)}


def jpeg(width: int, height: int) -> bytes:
    """A rendered photo of that size, with grain, so that it compresses as a camera's does."""
    with Image.open(FOLDER / "tone-4-uneven.jpg") as image:
        rgb = cv2.resize(np.asarray(image.convert("RGB")), (width, height), interpolation=cv2.INTER_CUBIC)
    grain = np.random.default_rng(0).normal(0, 3, rgb.shape)
    return encoded(np.clip(rgb + grain, 0, 255).astype(np.uint8), 92)


def encoded(rgb: np.ndarray, quality_of_jpeg: int = 85) -> bytes:
    """As JPEG."""
    written = io.BytesIO()
    Image.fromarray(rgb).save(written, "JPEG", quality=quality_of_jpeg)
    return written.getvalue()


def ours(assessor: Assessor, content: bytes, method: str) -> bytes:
    """The whole path of a photo, and the overlay as JPEG."""
    photo = open_photo(content)
    view = assessor.view(photo)
    assessment = assessor.assess(photo, view)
    return encoded(overlay(photo.rgb, assessor.heatmap(view, method, assessment), view.square))


def usual(network: torch.nn.Module, malignant: list[bool], content: bytes) -> bytes:
    """As demos do it: Pillow decodes all, torchvision resizes, Captum goes through the network, matplotlib draws."""
    from captum.attr import LayerAttribution, LayerGradCam
    from matplotlib.figure import Figure
    from torchvision import transforms

    prepare = transforms.Compose(
        [
            transforms.Resize(224),
            transforms.CenterCrop(224),
            transforms.ToTensor(),
            transforms.Normalize((0.5,) * 3, (0.5,) * 3),
        ]
    )
    image = Image.open(io.BytesIO(content)).convert("RGB")
    batch = prepare(image)[None]
    with torch.no_grad():
        network(batch).softmax(1)
    found = LayerGradCam(
        lambda x: attribution.risk_log_odds(network(x), malignant), attribution.last_feature_map(network)
    ).attribute(batch.requires_grad_(), relu_attributions=True)
    heat = LayerAttribution.interpolate(found, (224, 224), interpolate_mode="bilinear")[0, 0].detach().numpy()
    figure = Figure(figsize=(6, 6))
    axes = figure.subplots()
    axes.imshow(batch[0].detach().permute(1, 2, 0).numpy() / 2 + 0.5)
    axes.imshow(heat, cmap="inferno", alpha=0.5)
    axes.axis("off")
    written = io.BytesIO()
    figure.savefig(written, format="png")
    return written.getvalue()


def steps(assessor: Assessor, name: str, content: bytes, repeats: int) -> list[dict[str, Any]]:
    """Every step of the path by itself, then all of it, then the usual way."""
    photo = open_photo(content)
    view = assessor.view(photo)
    heat = {method: assessor.heatmap(view, method) for method in saliency.METHODS[:2]}
    drawn = overlay(photo.rgb, heat[saliency.METHODS[0]], view.square)
    network, one_view = assessor.checkpoint.network, Assessor(assessor.checkpoint, views=1)

    calls = {
        "decode": lambda: open_photo(content),
        "border, crop, resize": lambda: assessor.view(photo),
        "quality": lambda: quality.check(view.cropped),
        "network and gate, one view": lambda: one_view.assess(photo, view),
        "network and gate, all views": lambda: assessor.assess(photo, view),
        **{f"heat map, {method}": lambda method=method: assessor.heatmap(view, method) for method in heat},
        "draw overlay": lambda: overlay(photo.rgb, heat[saliency.METHODS[0]], view.square),
        "encode": lambda: encoded(drawn),
        **{f"all, {method}": lambda method=method: ours(assessor, content, method) for method in heat},
        "all, the usual way": lambda: usual(network, assessor.checkpoint.config.malignant, content),
    }
    rows = []
    for step, call in calls.items():
        taken = timed(call, repeats)
        rows.append(
            {"photo": name, "step": step, "fastest ms": taken.fastest, "median ms": taken.median, "p95 ms": taken.p95}
        )
    whole = rows[-1]["median ms"]
    for row in rows[-3:]:
        row["times faster than usual"] = whole / row["median ms"]
    return rows


def photo(
    repeats: Annotated[int, typer.Option(min=1, help="How often each step is timed.")] = 20,
) -> None:
    """A photo to its answer on one core, step by step: 12 megapixels and 600 × 450, against the usual way."""
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    assessor = Assessor.load()
    rows = [row for name, size in SIZES.items() for row in steps(assessor, name, jpeg(*size), repeats)]
    write("photo", rows, note="The usual way draws Grad-CAM with one pass through the whole network.")
    write_page("photo")
