"""A photo of a skin lesion in, a calibrated risk that it is malignant out. Knows nothing of Gradio or of training."""

__version__ = "0.1.0"
