"""How good a checkpoint is. Enter through ``evaluate.evaluate``, which writes metrics.json and predictions.csv.

``metrics`` is a leaf that all of ``train`` may use; the other modules each measure one thing that metrics.json holds.
"""
