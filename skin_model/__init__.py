"""A photo of a skin lesion in, a calibrated risk that it is malignant out. Knows nothing of Gradio or of training."""

import os

__version__ = "0.1.0"

# onnxruntime tells its makers about every session (since 1.29), unless this stands before it is loaded.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"
