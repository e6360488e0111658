"""Comparisons that decide what is released: ideas, recipes, runs, and what a leaking split is worth.

Nothing else imports them.
"""
