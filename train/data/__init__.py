"""Labelled photographs: found, understood, compared, split, decoded and changed for training.

Enter through ``catalogue.read_all`` (a data folder in any known layout, as a table), ``near_duplicates.pairs`` and
``splits`` (train, validation and test that no lesion, patient or near-duplicate crosses).
"""
