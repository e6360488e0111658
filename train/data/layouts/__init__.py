"""Readers for the layouts in which public data sets come. Enter through ``LAYOUTS``."""

from train.data.layouts.class_folders import CLASS_FOLDERS
from train.data.layouts.ham10000 import HAM10000, HMNIST
from train.data.layouts.isic_archive import ISIC_CLI, MILK10K
from train.data.layouts.isic_challenges import ISIC_2016, ISIC_2017, ISIC_2019, ISIC_2020
from train.data.layouts.layout import Layout
from train.data.layouts.named_photographs import NAMED_PHOTOGRAPHS
from train.data.layouts.own_tables import IMAGEFOLDER, LESIONS_CSV
from train.data.layouts.pad_ufes_20 import PAD_UFES_20

__all__ = ["CLASS_FOLDERS", "LAYOUTS", "NAMED_PHOTOGRAPHS", "Layout"]

LAYOUTS: tuple[Layout, ...] = (
    LESIONS_CSV,
    HAM10000,
    HMNIST,
    ISIC_2016,
    ISIC_2017,
    ISIC_2019,
    ISIC_2020,
    PAD_UFES_20,
    MILK10K,
    ISIC_CLI,
    IMAGEFOLDER,
    CLASS_FOLDERS,
)
"""The layouts known, in the order in which they are tried; NAMED_PHOTOGRAPHS is tried where it is none of them."""
