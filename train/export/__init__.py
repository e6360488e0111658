"""A checkpoint as ONNX and TFLite, each file compared with PyTorch before it is kept. Enter by ``export.export``."""
