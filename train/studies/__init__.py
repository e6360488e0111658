"""Comparisons that decide what is released: ideas, recipes, runs, and what a leaking split is worth.

Enter through ``experiments.compare``, ``compare.compare`` and ``leaking_split.study``; only ``commands`` imports them.
"""
