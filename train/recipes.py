"""Named recipes: everything that decides how a network is trained, but the photographs."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from skin_model.network import ARCHITECTURE
from train import UserError


@dataclass(frozen=True)
class Augmentation:
    """How much a training photograph may be changed. Zero, or (1, 1), switches a change off.

    rotation: degrees either way. scale: smallest and largest side of the region that fills the input, as a share of
    the square photograph. aspect: largest ratio of width to height (either way). brightness, contrast, saturation,
    tint (per channel) and gamma: largest relative change. The rest are probabilities: soft (shrunk and enlarged
    again), jpeg (quality 30 to 80), noise, dark_corners (a dermatoscope's circle), melanin (darker skin), phone (uneven
    light, white balance, shaken focus, glints), hairs, ruler, ink and cutout; but hue: largest turn in degrees. Lesions
    of both classes are changed alike.
    """

    flips: bool = True
    rotation: float = 180.0
    scale: tuple[float, float] = (0.75, 1.1)
    aspect: float = 1.1
    brightness: float = 0.15
    contrast: float = 0.15
    saturation: float = 0.15
    tint: float = 0.0
    gamma: float = 0.0
    soft: float = 0.0
    jpeg: float = 0.0
    noise: float = 0.0
    dark_corners: float = 0.1
    hue: float = 0.0
    melanin: float = 0.0
    phone: float = 0.0
    hairs: float = 0.0
    ruler: float = 0.0
    ink: float = 0.0
    cutout: float = 0.0


NO_AUGMENTATION = Augmentation(
    flips=False, rotation=0, scale=(1, 1), aspect=1, brightness=0, contrast=0, saturation=0, dark_corners=0
)


BALANCES = ("sampler", "loss", "oversampling", "undersampling", "augmentation", "focal", "none")


@dataclass(frozen=True)
class Stage:
    """A part of a run, with an optimiser of its own, begun from the best weights so far.

    share: of the recipe's epochs (a stage gets at least one). unfrozen: how much of the backbone learns beside the
    head: 0 nothing, 1 everything, between them that share of its layers, those nearest the head. Layers that do not
    learn keep their batch-norm statistics.
    """

    share: float
    learning_rate: float
    unfrozen: float = 1.0


@dataclass(frozen=True)
class Recipe:
    """One way to train.

    head: "diagnoses" (seven outputs) or "binary" (one malignant logit). balance: how imbalance is handled, once:
    "sampler" (weighted draws), "loss" (class weights), "oversampling" (rare diagnoses repeated), "undersampling" (of
    common ones a part, another one every epoch), "augmentation" (oversampling in which only the repeats are augmented),
    "focal" (focal loss) or "none". balance_power: 1 makes every (centre family, diagnosis) equally heavy, 0.5 goes half
    way; over- and undersampling look at the diagnosis alone. risk_weight: weight of the malignant-or-benign loss beside the seven-diagnosis loss. ema_decay: of the
    exponential moving average of the weights (0: off). patience: epochs without a better validation AUC before
    stopping a stage. stages: none is one stage with ``learning_rate``. frozen_batch_norm: keep batch-norm statistics (evaluation mode) while training.
    """

    name: str
    description: str
    head: str = "diagnoses"
    architecture: str = ARCHITECTURE
    pretrained: bool = True
    input_size: int = 224
    epochs: int = 12
    batch_size: int = 64
    optimiser: str = "adamw"
    learning_rate: float = 1e-3
    weight_decay: float = 0.05
    schedule: str = "one_cycle"
    balance: str = "sampler"
    balance_power: float = 0.5
    risk_weight: float = 0.5
    ema_decay: float = 0.998
    patience: int = 5
    drop_rate: float = 0.2
    drop_path_rate: float = 0.0
    frozen_batch_norm: bool = False
    border_crop: bool = True
    remove_hair: bool = False
    augmentation: Augmentation = field(default_factory=Augmentation)
    seed: int = 0
    stages: tuple[Stage, ...] = ()

    def change(self, **changes: object) -> Recipe:
        """The same recipe with some fields changed."""
        return replace(self, **changes)


RECIPES: dict[str, Recipe] = {
    recipe.name: recipe
    for recipe in (
        Recipe(
            name="released",
            description="The recipe of the embedded checkpoint: seven diagnoses and the risk together, "
            "one-cycle AdamW, moving average, strong colour and sharpness augmentation.",
            input_size=192,
            epochs=5,
            ema_decay=0.99,
            augmentation=Augmentation(
                scale=(0.65, 1.1),
                aspect=1.2,
                brightness=0.2,
                contrast=0.25,
                saturation=0.3,
                tint=0.08,
                gamma=0.2,
                soft=0.25,
                jpeg=0.2,
                noise=0.1,
                dark_corners=0.15,
            ),
        ),
        Recipe(
            name="plain",
            description="The plain run that others are compared with: one-cycle AdamW, light augmentation.",
            epochs=8,
            risk_weight=0.0,
        ),
        Recipe(
            name="self-check-original",
            description="The original project's recipe: one malignant logit, Adam 1e-4, weighted sampling.",
            head="binary",
            epochs=20,
            batch_size=32,
            optimiser="adam",
            learning_rate=1e-4,
            weight_decay=0.0,
            schedule="constant",
            balance_power=1.0,
            risk_weight=0.0,
            ema_decay=0.0,
            patience=5,
        ),
    )
}


def find(name: str) -> Recipe:
    """The recipe of that name; raises UserError with the names there are."""
    if name not in RECIPES:
        raise UserError(f"There is no recipe {name!r}. The recipes are: {', '.join(RECIPES)}.")
    return RECIPES[name]
