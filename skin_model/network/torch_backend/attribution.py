"""Where in a photo the risk comes from, computed in torch: Captum's attributions, and Grad-CAM of all turned views."""

import copy
from collections.abc import Callable, Sequence

import numpy as np
import torch
from captum.attr import GradientShap, IntegratedGradients, LayerGradCam, Occlusion
from torch import Tensor, nn

from skin_model.network.saliency import METHODS, ON_DEMAND, TURNED_GRAD_CAM, enlarged, in_units, readable, to_unit
from skin_model.network.torch_backend import architecture as networks
from skin_model.network.turned_views import VIEWS, turned_tensors

INTEGRATION_STEPS = 2
"""Of Gauss and Legendre. On validation photographs two point to the lesion as well as 6, 24 or 64, sooner."""
SHAP_SAMPLES = 8
"""Noisy copies of the picture whose gradients GradientSHAP averages."""
OCCLUDED_SHARE = 0.2
"""Side of the patch that Occlusion covers, as a share of the input's side; it moves by half of that."""


def risk_log_odds(logits: Tensor, malignant: Sequence[bool]) -> Tensor:
    """Uncalibrated log-odds of malignancy, (B,), of logits (B, K) with K flags; for K = 1 the logit itself."""
    flags = torch.tensor(list(malignant), dtype=torch.bool, device=logits.device)
    if logits.ndim != 2 or logits.shape[1] != len(flags):
        raise ValueError(f"The network gives logits of shape {tuple(logits.shape)} for {len(flags)} malignant flags.")
    if len(flags) == 1:
        return logits[:, 0]
    if flags.all() or not flags.any():
        raise ValueError("A head of several outputs needs at least one malignant and one benign output.")
    return logits[:, flags].logsumexp(1) - logits[:, ~flags].logsumexp(1)


def last_feature_map(network: nn.Module) -> nn.Module:
    """The module whose output is the last feature map (B, C, h, w).

    ``blocks[-1]`` for the MobileNet and EfficientNet families (576 channels in MobileNetV3-Small); for other timm
    networks the module that ``feature_info`` names last. Raises ValueError when there is neither.
    """
    if isinstance(getattr(network, "blocks", None), nn.Sequential):
        return network.blocks[-1]
    info = getattr(network, "feature_info", None)
    try:
        return network.get_submodule(info[-1]["module"])
    except (TypeError, IndexError, KeyError, AttributeError):
        raise ValueError(
            f"Grad-CAM finds no last feature map in {type(network).__name__}: it has neither blocks nor feature_info. "
            "Use integrated_gradients or occlusion."
        ) from None


def explain(
    network: nn.Module,
    batch: Tensor,
    malignant_mask: Sequence[bool],
    method: str = METHODS[0],
    temperature: float = 1.0,
) -> np.ndarray:
    """Where the risk of one photo comes from.

    network: any mode; it keeps its mode, gradients and hooks, and other threads may use it meanwhile. batch:
    (1, 3, S, S) network input. malignant_mask: one flag per output of the network. temperature: of the calibration,
    which the units of turned_grad_cam hang on.

    - turned_grad_cam: Grad-CAM without ReLU, which for a pooled head is HiResCAM (Draelos & Carin 2020,
      arXiv 2011.08891): what each place of the last feature map adds to the log-odds. Averaged over all eight mirrored
      and turned views, since the answer is averaged too and the map's grid then no longer shows. A network without
      feature maps gets integrated_gradients.
    - integrated_gradients (Sundararajan et al. 2017, arXiv 1703.01365): a path from the plain colour of the picture's
      rim to the picture, because a black baseline would be blind to dark pixels, which is where a lesion is.
    - grad_cam (Selvaraju et al. 2017, arXiv 1610.02391): last feature map, weighted by its mean gradients, ReLU.
    - occlusion (Zeiler & Fergus 2014, arXiv 1311.2901): the drop in log-odds when a patch is painted in that colour.
    - gradient_shap (Lundberg & Lee 2017, arXiv 1705.07874): gradients along that path, of noisy copies of the picture.
    - kernel_shap, lime: see ``superpixels.attribution``; superpixels are painted in that colour.

    Returns (S, S) float32: of turned_grad_cam in -1…1, in units of ``FULL``; else in 0…1 with its maximum at 1, or all
    zeros where nothing raises the risk. Raises ValueError for an unknown method, a wrong shape, or (grad_cam) a network
    without feature maps.
    """
    if method not in (*METHODS, *ON_DEMAND):
        names = ", ".join((*METHODS, *ON_DEMAND))
        raise ValueError(f"There is no saliency method {method!r}; choose one of {names}.")
    if batch.ndim != 4 or batch.shape[0] != 1 or batch.shape[2] != batch.shape[3]:
        raise ValueError(f"Saliency explains one square input of shape (1, 3, S, S), not {tuple(batch.shape)}.")
    if method == TURNED_GRAD_CAM:
        if not networks.has_maps(network) and not _has_last_map(network):
            return explain(network, batch, malignant_mask, "integrated_gradients")
        views = torch.cat(turned_tensors(batch, max(VIEWS)))
        return in_units(contributions(network, views, malignant_mask), batch.shape[-1], temperature)
    with torch.inference_mode(False), torch.enable_grad():
        picture = batch.detach().clone().requires_grad_()
        if method == "grad_cam":
            return enlarged(_grad_cam(network, picture, malignant_mask).detach()[0, 0].numpy(), picture.shape[-1])
        network = _at_rest(network)

        def target(x: Tensor) -> Tensor:
            return risk_log_odds(network(x), malignant_mask)

        if method == "integrated_gradients":
            return _integrated_gradients(target, picture)
        if method == "gradient_shap":
            return _gradient_shap(target, picture)
        if method == "occlusion":
            return _occlusion(target, picture)
        from skin_model.network.torch_backend import superpixels

        return to_unit(superpixels.attribution(target, picture, _rim_colour(picture), method))


def contributions(network: nn.Module, batch: Tensor, malignant_mask: Sequence[bool]) -> np.ndarray:
    """What every place of the last feature map adds to the log-odds of each picture: (B, 3, S, S) to (B, h, w)."""
    with torch.inference_mode(False), torch.enable_grad():
        return _grad_cam(network, batch.detach().clone(), malignant_mask, relu=False).detach()[:, 0].numpy()


def coarse_map(network: nn.Module, batch: Tensor, malignant_mask: Sequence[bool]) -> np.ndarray:
    """Grad-CAM as the last feature map has it, before ``explain`` enlarges it: (h, w) float32 in 0…1, maximum 1.

    7 × 7 for MobileNetV3-Small at 224 pixels: too coarse to hold anything of the photo. Arguments, errors and an all
    cold map as for ``explain``.
    """
    with torch.inference_mode(False), torch.enable_grad():
        cam = _grad_cam(network, batch.detach().clone(), malignant_mask)
    return to_unit(cam.detach()[0, 0].numpy())


def _at_rest(network: nn.Module) -> nn.Module:
    """The network itself where attributing leaves no trace in it, as in a loaded checkpoint; else a copy that is so.

    Copying takes longer than an answer.
    """
    if any(m.training for m in network.modules()) or any(p.requires_grad for p in network.parameters()):
        return copy.deepcopy(network).eval().requires_grad_(False)
    return network


class _Head(nn.Module):
    """What follows the last feature map, behind a layer of its own for Captum's hooks."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.map, self.network = nn.Identity(), network

    def forward(self, feature_map: Tensor) -> Tensor:
        return self.network.forward_head(self.map(feature_map))


def _has_last_map(network: nn.Module) -> bool:
    try:
        last_feature_map(network)
    except ValueError:
        return False
    return True


def _grad_cam(network: nn.Module, picture: Tensor, malignant: Sequence[bool], *, relu: bool = True) -> Tensor:
    """(B, 1, h, w), with relu nowhere negative."""
    if networks.has_maps(network):
        # The gradient is wanted no deeper than the last map, so only what follows it is gone through backwards; hooks
        # on a layer of its own, since other threads may be using the network.
        network = _at_rest(network)
        with torch.no_grad():
            inputs = networks.logits_and_maps(network, picture)[1][-1]
        network = _Head(network)
        layer = network.map
    else:
        network = copy.deepcopy(network).eval().requires_grad_(False)
        inputs, layer = picture.requires_grad_(), last_feature_map(network)
    cam = LayerGradCam(lambda x: risk_log_odds(network(x), malignant), layer).attribute(
        inputs.requires_grad_(), relu_attributions=relu
    )
    if cam.ndim != 4:
        raise ValueError(
            f"Grad-CAM needs a feature map (B, C, h, w) and {type(network).__name__} gives shape {tuple(cam.shape)}. "
            "Use integrated_gradients or occlusion."
        )
    return cam


def _integrated_gradients(target: Callable[[Tensor], Tensor], picture: Tensor) -> np.ndarray:
    attribution = IntegratedGradients(target).attribute(
        picture, baselines=_rim_colour(picture), n_steps=INTEGRATION_STEPS
    )
    return readable(attribution.detach()[0].sum(0).numpy())


def _gradient_shap(target: Callable[[Tensor], Tensor], picture: Tensor) -> np.ndarray:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        np.random.seed(0)  # noqa: NPY002 — Captum draws places on the path from NumPy's global generator
        attribution = GradientShap(target).attribute(
            picture, baselines=_rim_colour(picture), n_samples=SHAP_SAMPLES, stdevs=0.05
        )
    return readable(attribution.detach()[0].sum(0).numpy())


def _occlusion(target: Callable[[Tensor], Tensor], picture: Tensor) -> np.ndarray:
    channels, side = picture.shape[1], picture.shape[-1]
    patch = max(1, round(side * OCCLUDED_SHARE))
    step = max(1, patch // 2)
    with torch.no_grad():
        drop = Occlusion(target).attribute(
            picture.detach(),
            sliding_window_shapes=(channels, patch, patch),
            strides=(channels, step, step),
            baselines=_rim_colour(picture).expand_as(picture),
            perturbations_per_eval=16,
        )
    return to_unit(drop[0, 0].numpy())


def _rim_colour(picture: Tensor) -> Tensor:
    """The median colour, (1, 3, 1, 1) spread to the picture's shape, of its outer tenth: mostly plain skin."""
    side = picture.shape[-1]
    rim = max(1, side // 10)
    inner = torch.zeros(picture.shape[2:], dtype=torch.bool)
    inner[rim : side - rim, rim : side - rim] = True
    colour = picture.detach()[0, :, ~inner].median(1).values
    return colour[None, :, None, None].expand_as(picture).contiguous()
