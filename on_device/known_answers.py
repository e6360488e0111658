"""What the networks answer to pictures made of numbers, so that a browser that computes wrongly is found out.

WebAssembly has answered nonsense without any error (iOS 16.4: microsoft/onnxruntime issue 15644).
"""

from __future__ import annotations

import numpy as np
import onnxruntime as ort

from on_device.model_file import NotAnExport

DECIMALS = 3


def known_answers(model: bytes, locator: bytes) -> dict[str, list[float]]:
    """The logits of the network, and mean and maximum of the locator's answer, for ``drawn``.

    model, locator: ONNX files' bytes, whose input is ``pixels``. Raises NotAnExport where one cannot be run.
    """
    try:
        (logits,) = _run(model, ["logits"], by=255)
        (found,) = _run(locator, ["answer"], by=1)
    except Exception as problem:  # ONNX Runtime's errors have no common class
        raise NotAnExport(
            f"The ONNX file cannot be run. Make it with: python -m train export --out DIR. ({problem})"
        ) from problem
    return {
        "logits": [round(float(value), DECIMALS) for value in logits.ravel()],
        "answer": [round(float(value), DECIMALS) for value in (found.mean(), found.max())],
    }


def drawn(side: int) -> np.ndarray:
    """(side, side, 3) uint8; page/network.js computes the same."""
    place = np.arange(3 * side * side)
    return ((place * 37 + (place >> 8) * 11) % 256).astype(np.uint8).reshape(side, side, 3)


def _run(content: bytes, outputs: list[str], by: int) -> list[np.ndarray]:
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    session = ort.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    side = session.get_inputs()[0].shape[-1]
    pixels = drawn(side).astype(np.float32).transpose(2, 0, 1)[None] / by
    return session.run(outputs, {"pixels": pixels})
