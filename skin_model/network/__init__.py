"""The network and what travels with its weights. Enter through ``checkpoint.Checkpoint.load``.

``architecture`` builds it and makes its input, ``inference`` runs it (ONNX Runtime or torch), ``calibration`` turns
logits into a risk and a band, ``out_of_distribution`` refuses what it was not trained on, ``saliency`` explains an
answer with Captum, ``refusal_rates`` gives the rows of how often it refuses, and ``hub`` downloads files of one commit
from the Hugging Face Hub.
"""
