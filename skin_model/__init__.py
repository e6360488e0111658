"""A photo of a skin lesion in, a calibrated risk that it is malignant out. Knows nothing of Gradio or of training.

Enter through ``assess.Assessor.load`` and ``photo.open_photo``. ``border`` crops a dermatoscope's circle or frame away,
``quality`` names what is wrong with the picture, ``lesion`` measures the lesion, ``network`` holds the network and what
travels with its weights, ``wording`` every sentence that a person reads.
"""

import os

__version__ = "0.1.0"

# onnxruntime tells its makers about every session (since 1.29), unless this stands before it is loaded.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"
