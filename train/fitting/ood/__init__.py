"""Fits the out-of-distribution gate: ``detector.fit``, with the pictures that are no skin from ``outliers``
and ``debian_outliers``."""
