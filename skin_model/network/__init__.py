"""The network and what travels with its weights. Enter through ``checkpoint.Checkpoint.load``.

``preprocessing`` makes its input, ``inference`` runs it (ONNX Runtime, else torch) and gives ``answers``,
``calibration`` turns logits into a risk and a band, ``saliency`` makes maps of what explains an answer,
``refusal_rates`` gives the rows of how often it refuses, and ``hub`` downloads files of one commit from the Hub. What
needs torch (building the network, its out-of-distribution gate, Captum's attributions) is in ``torch_backend``, which
is imported when it is first needed.
"""
