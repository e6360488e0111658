"""Trains the network that outlines lesions: ``training.train``, on the photographs that ``photographs`` prepares."""
