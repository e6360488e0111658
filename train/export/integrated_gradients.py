"""Integrated Gradients without a backward pass: the network's gradient written as operations that go forward.

``torch.func`` gives the vector-Jacobian product of one size of input, ``make_fx`` records it, and what only a backward
pass knows (the gradient of a convolution) is decomposed into transposed convolutions, which share the network's
kernels. Needs nothing but torch, timm and ``skin_model``.
"""

import copy
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch._decomp import core_aten_decompositions
from torch.func import functionalize, vjp
from torch.fx.experimental.proxy_tensor import make_fx

from skin_model.network.checkpoint import Checkpoint
from skin_model.network.saliency import INTEGRATED_GRADIENTS
from skin_model.network.torch_backend.attribution import INTEGRATION_STEPS

REQUEST = "explain"
"""The input of an ONNX file that asks for it."""

_aten = torch.ops.aten


class IntegratedGradientsGraph(nn.Module):
    """Pixels in; what each of them adds to the log-odds out, for the first picture of a batch."""

    output_names = (INTEGRATED_GRADIENTS,)

    def __init__(self, checkpoint: Checkpoint) -> None:
        super().__init__()
        preprocessing = checkpoint.config.preprocessing
        size = preprocessing.input_size
        self.register_buffer("mean", torch.tensor(preprocessing.mean)[:, None, None])
        self.register_buffer("std", torch.tensor(preprocessing.std)[:, None, None])
        places, shares = _gauss_legendre(INTEGRATION_STEPS)
        self.register_buffer("places", places[:, None, None, None])
        self.register_buffer("shares", shares[:, None, None, None])
        self.rim = max(1, size // 10)
        self.gradient = gradient_of(checkpoint.network, checkpoint.config.malignant, (INTEGRATION_STEPS, 3, size, size))

    def forward(self, pixels: Tensor) -> tuple[Tensor]:
        """pixels: (N, 3, S, S), RGB in 0…1, not normalised. Returns one (1, S, S), as ``attribution.explain`` has its
        sum over the colours before it is made readable.
        """
        picture = (pixels[:1] - self.mean) / self.std
        way = picture - self._rim_colour(picture)
        gradients = self.gradient(picture - way + self.places * way)
        return ((gradients * self.shares).sum(0, keepdim=True).mul(way).sum(1),)

    def _rim_colour(self, picture: Tensor) -> Tensor:
        """(1, 3, 1, 1): the median of the picture's outer tenth, the lower of two."""
        rim = self.rim
        inner = picture[:, :, rim:-rim]
        parts = picture[:, :, :rim], picture[:, :, -rim:], inner[..., :rim], inner[..., -rim:]
        outer = torch.cat([part.flatten(2) for part in parts], dim=2)
        lower = torch.topk(outer, (outer.shape[2] + 1) // 2, dim=2, largest=False, sorted=False).values
        return lower.amax(2)[..., None, None]


def gradient_of(network: nn.Module, malignant: Sequence[bool], shape: tuple[int, ...]) -> nn.Module:
    """A module that gives the gradient of ``attribution.risk_log_odds`` with respect to inputs of exactly this shape.

    Its operations are forward ones alone; what it holds of the network's kernels are the same tensors.
    """
    network = copy.deepcopy(network).eval().requires_grad_(False).to(memory_format=torch.contiguous_format)
    _scale_instead_of_normalising(network)
    log_odds = _log_odds(malignant)

    def gradient(batch: Tensor) -> Tensor:
        odds, backwards = vjp(lambda x: log_odds(network(x)), batch)
        return backwards(torch.ones_like(odds))[0]

    rules = _decompositions()
    traced = make_fx(functionalize(gradient), decomposition_table=rules, tracing_mode="real")(torch.zeros(shape))
    traced.graph.eliminate_dead_code()
    traced.recompile()
    return traced


def _gauss_legendre(steps: int) -> tuple[Tensor, Tensor]:
    """Places on the way in 0…1 and their shares, which sum to 1, as Captum has them."""
    places, shares = np.polynomial.legendre.leggauss(steps)
    return torch.tensor((1 + places) / 2, dtype=torch.float32), torch.tensor(shares / 2, dtype=torch.float32)


def _log_odds(malignant: Sequence[bool]) -> Callable[[Tensor], Tensor]:
    """As ``attribution.risk_log_odds``, without picking outputs by their number, which is slow to go back through."""
    if len(malignant) == 1:
        return lambda logits: logits[:, 0]
    flags = torch.tensor(list(malignant), dtype=torch.float32)
    lowest = -1e30  # so low that it adds nothing
    return lambda logits: (logits + (1 - flags) * lowest).logsumexp(1) - (logits + flags * lowest).logsumexp(1)


class _Scaled(nn.Module):
    """A batch normalisation at rest: two numbers a channel."""

    def __init__(self, normalisation: nn.BatchNorm2d) -> None:
        super().__init__()
        scale = normalisation.weight / torch.sqrt(normalisation.running_var + normalisation.eps)
        self.register_buffer("scale", scale[:, None, None])
        self.register_buffer("shift", (normalisation.bias - normalisation.running_mean * scale)[:, None, None])
        self.act = getattr(normalisation, "act", nn.Identity())

    def forward(self, x: Tensor) -> Tensor:
        return self.act(x * self.scale + self.shift)


def _scale_instead_of_normalising(network: nn.Module) -> None:
    for block in list(network.modules()):
        for name, child in list(block.named_children()):
            if isinstance(child, nn.BatchNorm2d):
                setattr(block, name, _Scaled(child))


def _decompositions() -> dict[Any, Callable[..., Any]]:
    rules = dict(core_aten_decompositions())
    for kept in ("hardswish", "hardsigmoid"):  # ONNX has them
        rules.pop(getattr(_aten, kept).default, None)
    rules[_aten.convolution_backward.default] = _convolution_backward
    return rules


def _convolution_backward(
    gradient: Tensor,
    batch: Tensor,
    kernel: Tensor,
    bias_sizes: Any,
    stride: list[int],
    padding: list[int],
    dilation: list[int],
    transposed: bool,
    output_padding: list[int],
    groups: int,
    output_mask: list[bool],
) -> tuple[Tensor | None, None, None]:
    """With respect to the batch alone, as a convolution with the kernel turned round.

    ONNX Runtime takes several times as long for a transposed convolution, which is left where a step of 2 pixels meets
    more than one channel at a time.
    """
    if transposed or output_mask[1] or output_mask[2] or dilation != [1, 1]:
        raise NotImplementedError("Only the gradient of a plain convolution with respect to its input is written out.")
    sides, reach = batch.shape[2:], kernel.shape[2:]
    if groups == 1 and stride != [1, 1]:
        lacking = [
            side - ((out - 1) * step - 2 * pad + wide)
            for side, out, step, pad, wide in zip(sides, gradient.shape[2:], stride, padding, reach, strict=True)
        ]
        found = _aten.convolution.default(gradient, kernel, None, stride, padding, dilation, True, lacking, 1)
        return found, None, None
    turned = kernel.flip(2, 3) if max(reach) > 1 else kernel
    if groups == 1:
        turned = turned.transpose(0, 1).contiguous()
    elif groups != kernel.shape[0] or kernel.shape[1] != 1:
        raise NotImplementedError("The gradient of a convolution in groups of several channels is not written out.")
    spread = _spread(gradient, stride)
    pads = []
    for side, held, pad, wide in zip(sides, spread.shape[2:], padding, reach, strict=True):
        before = wide - 1 - pad
        pads = [before, side - held - before + wide - 1, *pads]
    even = len(set(pads)) == 1 and pads[0] >= 0
    if not even:
        spread = _aten.constant_pad_nd.default(spread, pads)
    around = [pads[0], pads[0]] if even else [0, 0]
    found = _aten.convolution.default(spread, turned, None, [1, 1], around, dilation, False, [0, 0], groups)
    return found, None, None


def _spread(gradient: Tensor, stride: list[int]) -> Tensor:
    """(N, C, h, w) to (N, C, h · stride, w · stride), with zeros in between and at the end."""
    if stride == [1, 1]:
        return gradient
    count, channels, high, wide = gradient.shape
    nothing = gradient * 0  # zeros of its own shape would be stored in the file
    beside = torch.stack([gradient] + (stride[1] - 1) * [nothing], 4).reshape(count, channels, high, 1, -1)
    below = torch.cat([beside] + (stride[0] - 1) * [beside * 0], 3)
    return below.reshape(count, channels, high * stride[0], wide * stride[1])
