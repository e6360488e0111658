"""Where a network's first weights come from: ImageNet by a local file or by timm, or nowhere."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import timm
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from skin_model.network.checkpoint import Checkpoint
from train import UserError
from train.fitting.networks import architectures
from train.fitting.networks.stages import head_prefix

FROM_FILE, FROM_TIMM, FROM_SCRATCH = "ImageNet from file", "ImageNet from timm", "from scratch"


def load(network: nn.Module, architecture: str, files: Sequence[Path], *, or_scratch: bool = False) -> str:
    """Fill all of ``network`` but its head with ImageNet weights; returns FROM_FILE, FROM_TIMM or FROM_SCRATCH.

    files: safetensors files, of which the first that fits is taken; with none, timm fetches the weights. or_scratch:
    where no file fits and timm cannot fetch, leave the network as it is rather than raise UserError.
    """
    for file in files:
        if _fill(network, _read(file)):
            return FROM_FILE
    if files and not or_scratch:
        raise UserError(f"The backbone does not fit {architecture}: it lacks or adds tensors.")
    known_to_timm = architectures.imagenet_name(architecture)
    if known_to_timm is None:
        return FROM_SCRATCH
    try:
        state = timm.create_model(known_to_timm, pretrained=True).state_dict()
    except Exception as problem:  # huggingface_hub, httpx and timm raise errors of many unrelated kinds here
        if or_scratch:
            return FROM_SCRATCH
        raise UserError(
            f"The ImageNet weights of {known_to_timm} could not be fetched ({type(problem).__name__}). "
            "Check the connection, or name a local file with --backbone."
        ) from None
    if not _fill(network, state):
        raise UserError(f"The ImageNet weights of {known_to_timm} do not fit {architecture}. Install timm as required.")
    return FROM_TIMM


def of_checkpoint(network: nn.Module, earlier: Checkpoint) -> str:
    """Fill all of ``network``, head and all, with a checkpoint's weights; returns what a record says of that."""
    try:
        network.load_state_dict(earlier.network.state_dict())
    except RuntimeError:
        raise UserError(
            f"The checkpoint to start from is {earlier.config.architecture} with {len(earlier.config.labels)} outputs, "
            "which does not fit the recipe. Choose a recipe of that network, or start from --backbone."
        ) from None
    return f"checkpoint {earlier.hash}"


def pixel_statistics(architecture: str) -> tuple[tuple[float, float, float], tuple[float, float, float]]:
    """Mean and standard deviation per RGB channel, for values in 0…1, that the ImageNet weights were trained with."""
    known_to_timm = architectures.imagenet_name(architecture)
    known = None if known_to_timm is None else timm.get_pretrained_cfg(known_to_timm)
    return (known.mean, known.std) if known is not None else ((0.5,) * 3, (0.5,) * 3)


def _read(file: Path) -> dict[str, Tensor]:
    try:
        return load_file(file)
    except (OSError, ValueError, SafetensorError) as problem:
        raise UserError(f"The backbone {file} cannot be read ({problem}). Name a safetensors file.") from None


def _fill(network: nn.Module, state: Mapping[str, Tensor]) -> bool:
    """Copy ``state``, but for its head, into the network; False, and nothing is copied, where it does not fit."""
    head = head_prefix(network)
    given = {name: tensor for name, tensor in state.items() if not name.startswith(head)}
    wanted = {name: tensor.shape for name, tensor in network.state_dict().items() if not name.startswith(head)}
    if {name: tensor.shape for name, tensor in given.items()} != wanted:
        return False
    network.load_state_dict(given, strict=False)
    return True
