"""Stages of a run: which layers of a network learn, and which stay as they are."""

from torch import nn

from train.fitting.recipes import Recipe, Stage


def stages_of(recipe: Recipe) -> tuple[Stage, ...]:
    """The recipe's stages; one in which everything learns, where it names none."""
    return recipe.stages or (Stage(1.0, recipe.learning_rate),)


def epochs_of(stage: Stage, recipe: Recipe) -> int:
    """Most epochs of a stage: its share of the recipe's, at least one."""
    return max(1, round(stage.share * recipe.epochs))


def head_prefix(network: nn.Module) -> str:
    """What the names of the head's tensors begin with, such as ``classifier.`` or ``fc.``."""
    head = network.get_classifier()
    return next(name for name, module in network.named_modules() if module is head) + "."


def freeze(network: nn.Module, unfrozen: float) -> list[nn.Module]:
    """Let the head and the last ``unfrozen`` share (0…1) of the backbone's layers learn.

    A layer is a module with parameters of its own; layers count in the order in which the network defines them, which
    in the networks here is the order in which a photograph passes them. Returns the layers that do not learn; their
    batch-norm statistics stay only if the caller keeps them in evaluation mode.
    """
    head = set(network.get_classifier().modules())
    layers = [m for m in network.modules() if m not in head and next(m.parameters(recurse=False), None) is not None]
    learning = round(unfrozen * len(layers))
    frozen = layers[: len(layers) - learning]
    network.requires_grad_(True)
    for layer in frozen:
        for parameter in layer.parameters(recurse=False):
            parameter.requires_grad_(False)
    return frozen
