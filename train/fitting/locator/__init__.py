"""Trains the network that locates spots: ``training.train``, on scenes that ``scenes`` composes of photographs,
rendered skin and ordinary pictures, with ``marks`` drawn in them."""
