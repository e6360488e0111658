"""Named recipes: everything that decides how a network is trained, but the photographs."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from skin_model.diagnoses import malignant_mask
from skin_model.network.config import ARCHITECTURE
from train import UserError
from train.data.augmentation import NO_AUGMENTATION, Augmentation

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
    way; over- and undersampling look at the diagnosis alone. risk_weight: weight of the malignant-or-benign loss beside
    the seven-diagnosis loss. ema_decay: of the exponential moving average of the weights (0: off). patience: epochs
    without a better validation AUC before a stage stops. frozen_batch_norm: keep batch-norm statistics (evaluation
    mode) while training. epoch_length: photographs drawn an epoch (0: as many as there are). zero_head: the head starts
    at zero. label_smoothing: share of a diagnosis spread over all. mixup: alpha of its Beta distribution (Zhang et al.
    2018, arXiv 1710.09412; 0: off), on ``mixup_share`` of the batches. robust: weight of the spread of the loss between
    centre families. stages: parts with learning rates of their own, in place of ``learning_rate``. training_sizes:
    widths of the training photographs in pixels, for equal parts of the epochs (Tan & Le 2021, arXiv 2104.00298;
    Touvron et al. 2019, arXiv 1906.06423, on training smaller than asked); empty: ``input_size`` throughout. distil:
    share of the loss that asks for the teachers' mean answer to the same changed photograph in place of the label
    (Hinton et al. 2015, arXiv 1503.02531; Beyer et al. 2022, arXiv 2106.05237; 0: no teachers). square: what of a
    photograph is seen, as ``Preprocessing`` says: "centre" or "spot". keep: "best" keeps the epoch with the best
    validation AUC, "last" the last one, so that validation decides nothing. least_side: photographs whose shorter side
    has fewer pixels are not trained on. folds: networks that ``fit`` trains first, each without a part of the
    photographs, to calibrate and teach the last one, which is trained on all (0: one network, which the validation
    photographs calibrate). fold_epochs: epochs of those networks (0: as many as
    the last one has). views: of how many mirrored and turned views the finished network's answers are averaged.
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
    epoch_length: int = 0
    zero_head: bool = False
    label_smoothing: float = 0.0
    mixup: float = 0.0
    mixup_share: float = 1.0
    robust: float = 0.0
    augmentation: Augmentation = field(default_factory=Augmentation)
    seed: int = 0
    stages: tuple[Stage, ...] = ()
    training_sizes: tuple[int, ...] = ()
    distil: float = 0.0
    square: str = "centre"
    keep: str = "best"
    least_side: int = 0
    folds: int = 0
    fold_epochs: int = 0
    views: int = 1

    @property
    def malignant_outputs(self) -> list[bool]:
        """One flag an output of the network: whether it stands for something malignant."""
        return [True] if self.head == "binary" else malignant_mask()

    def change(self, **changes: object) -> Recipe:
        """The same recipe with some fields changed."""
        return replace(self, **changes)


_AS_PUBLISHED = {"optimiser": "adam", "weight_decay": 0.0, "risk_weight": 0.0, "ema_decay": 0.0, "drop_path_rate": 0.0}
"""What the recipes of the published projects have in common."""

_SEVEN_CLASS_CNN = Recipe(
    name="seven-class-cnn",
    description="A small convolutional network from random weights at 128 px, dropout, common diagnoses weighed down.",
    architecture="small_cnn",
    pretrained=False,
    input_size=128,
    epochs=30,
    batch_size=32,
    schedule="plateau",
    balance="loss",
    balance_power=1.0,
    drop_rate=0.3,
    **_AS_PUBLISHED,
)

_SEVEN_CLASS_TRANSFER = Recipe(
    name="seven-class-transfer-resnet50",
    description="ResNet-50 at 224 px, all of it trained on from ImageNet weights with Adam 1e-4, class weights.",
    architecture="resnet50",
    input_size=224,
    epochs=20,
    batch_size=32,
    learning_rate=1e-4,
    schedule="plateau",
    balance="loss",
    balance_power=1.0,
    **_AS_PUBLISHED,
)

_TWO_STAGE = Recipe(
    name="two-stage-mobilenetv2",
    description="MobileNetV2 on photographs of 28 px enlarged to 96: first a dropout head on the frozen backbone "
    "(Adam 1e-3), then the top third of its layers too (1e-4), plateau 0.5, early stopping 5.",
    architecture="mobilenetv2_100_seen_at_28",
    input_size=96,
    epochs=40,
    batch_size=32,
    schedule="plateau",
    balance="none",
    patience=5,
    drop_rate=0.3,
    augmentation=NO_AUGMENTATION,
    stages=(Stage(0.5, 1e-3, unfrozen=0.0), Stage(0.5, 1e-4, unfrozen=1 / 3)),
    **_AS_PUBLISHED,
)

_STRONG = Augmentation(
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
)
"""Strong changes of colour and sharpness."""

_SINGLE_RUN = Recipe(
    name="single-run",
    description="One network in a small part of the released recipe's time: squares round the located spot, seven "
    "diagnoses and the risk together, one-cycle AdamW, moving average, a head that starts at zero, strong "
    "colour and sharpness augmentation, artefacts and darker skin drawn on both classes.",
    epochs=10,
    zero_head=True,
    ema_decay=0.995,
    square="spot",
    augmentation=replace(_STRONG, hairs=0.1, ruler=0.1, ink=0.1, phone=0.15, melanin=0.15, cutout=0.1, shift=0.05),
)

_STRONG_CROPS = _SINGLE_RUN.change(
    name="strong-crops",
    description="Squares round the located spot, crops from a quarter of their area, mixup on half the batches, "
    "label smoothing, a slow moving average, 16 epochs at 128, 160 and 192 px; asked at 256 px, which told more apart "
    "out of fold than 192 or 224.",
    input_size=256,
    epochs=16,
    patience=16,
    keep="last",
    training_sizes=(128, 160, 192),
    ema_decay=0.999,
    label_smoothing=0.05,
    mixup=0.4,
    mixup_share=0.5,
    least_side=128,
    augmentation=replace(_SINGLE_RUN.augmentation, scale=(0.5, 1.05), aspect=1.33, soft=0.4, melanin=0.2),
)

_MILD_CROPS = _STRONG_CROPS.change(
    name="mild-crops",
    description="strong-crops with single-run's milder crops and no mixup, for 10 epochs: a teacher that "
    "differs, and that knows its own centres better.",
    epochs=10,
    patience=10,
    mixup=0.0,
    augmentation=_SINGLE_RUN.augmentation,
)

RECIPES: dict[str, Recipe] = {
    recipe.name: recipe
    for recipe in (
        _STRONG_CROPS.change(
            name="released",
            description="The recipe of the released network: strong-crops, half of whose loss asks for the "
            "mean answer of teachers that did not see the photograph: the networks of five folds, which learn for "
            "a shorter time, and those of any --teacher; eight mirrored and turned views are averaged, so that how a "
            "camera was held changes nothing.",
            distil=0.5,
            folds=5,
            fold_epochs=12,
            views=8,
        ),
        _SINGLE_RUN,
        _SINGLE_RUN.change(
            name="fine-tuned",
            description="single-run for three more epochs at a third of its learning rate, from the weights of an "
            "earlier checkpoint (--start).",
            epochs=3,
            learning_rate=3e-4,
        ),
        _STRONG_CROPS,
        _MILD_CROPS,
        _MILD_CROPS.change(
            name="larger-teacher",
            description="mild-crops with EfficientNet-Lite0, a larger network.",
            architecture="tf_efficientnet_lite0",
        ),
        Recipe(
            name="first-release",
            description="The recipe of the first release: seven diagnoses and the risk together, "
            "one-cycle AdamW, moving average, strong colour and sharpness augmentation.",
            epochs=9,
            ema_decay=0.995,
            augmentation=_STRONG,
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
        _TWO_STAGE,
        _TWO_STAGE.change(
            name="two-stage-mobilenetv2-224",
            description="MobileNetV2 at 224 px with a head of 128 and 64 units, dropout 0.5 and 0.3, L2, strong "
            "geometric augmentation, class weights: frozen with Adam 1e-3, then the top third at 1e-4, patience 10.",
            architecture="mobilenetv2_100_dense_head",
            input_size=224,
            weight_decay=1e-4,
            balance="loss",
            balance_power=1.0,
            patience=10,
            augmentation=Augmentation(
                flips=False,
                rotation=40.0,
                scale=(0.8, 1.2),
                aspect=1.0,
                brightness=0.2,
                contrast=0.0,
                saturation=0.0,
                dark_corners=0.0,
                shear=11.0,
                shift=0.2,
            ),
        ),
        _SEVEN_CLASS_CNN,
        _SEVEN_CLASS_CNN.change(
            name="seven-class-cnn-224",
            description="The small convolutional network at 224 px.",
            input_size=224,
        ),
        _SEVEN_CLASS_TRANSFER,
        _SEVEN_CLASS_TRANSFER.change(
            name="seven-class-transfer-mobilenetv2",
            description="MobileNetV2 at 224 px, otherwise as with ResNet-50.",
            architecture="mobilenetv2_100",
        ),
        _SEVEN_CLASS_TRANSFER.change(
            name="seven-class-transfer-efficientnetv2-s",
            description="EfficientNetV2-S at 240 px, otherwise as with ResNet-50.",
            architecture="tf_efficientnetv2_s",
            input_size=240,
        ),
        _SEVEN_CLASS_TRANSFER.change(
            name="seven-class-transfer-inception-resnet-v2",
            description="Inception-ResNet-v2 at 299 px, otherwise as with ResNet-50.",
            architecture="inception_resnet_v2",
            input_size=299,
        ),
        Recipe(
            name="hand-features",
            description="Colour, texture and shape features, measured without learning, into 64 units with dropout.",
            architecture="hand_features_net",
            pretrained=False,
            input_size=128,
            epochs=10,
            batch_size=64,
            schedule="plateau",
            balance="oversampling",
            balance_power=0.5,
            augmentation=NO_AUGMENTATION,
            **_AS_PUBLISHED,
        ),
    )
}


def find(name: str) -> Recipe:
    """The recipe of that name; raises UserError with the names there are.

    ``NAME+BALANCE`` is the recipe with another way against imbalance, one of BALANCES, such as seven-class-cnn+focal.
    """
    base, plus, balance = name.partition("+")
    if base not in RECIPES:
        raise UserError(f"There is no recipe {base!r}. The recipes are: {', '.join(RECIPES)}.")
    if not plus:
        return RECIPES[base]
    if balance not in BALANCES:
        raise UserError(f"There is no balance {balance!r} for {base}. Choose one of: {', '.join(BALANCES)}.")
    return RECIPES[base].change(name=name, balance=balance)
