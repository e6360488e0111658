"""The Space's entry: builds the interface and launches it, by default on http://127.0.0.1:7860.

Settings are environment variables (docs/operations.md lists them): SKIN_CHECKPOINT, SKIN_MISTAKES, SKIN_LANGUAGE, …;
GRADIO_SERVER_NAME and GRADIO_SERVER_PORT give another address.
"""

import os
import sys

# For torch, should a visitor ask for what only torch can do: the server shares few cores among its visitors.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
os.environ.setdefault("OMP_NUM_THREADS", "1")

from interface.server.settings import Settings, SettingsError
from interface.server.uploads import NoFolder, private_folder
from skin_model.command_line import command
from skin_model.network import checkpoint_folder


def serve() -> None:
    """Serve until somebody stops it. What is wrong with the settings is said before Gradio is imported."""
    settings = Settings.from_environment()
    checkpoint_folder.check(settings.checkpoint)
    with private_folder(settings.keep_seconds):
        from interface import blocks
        from skin_model.assess import Assessor
        from skin_model.comparison import embedded_limits
        from skin_model.lesion import outline
        from skin_model.network.checkpoint import Checkpoint
        from skin_model.wording import sentence

        checkpoint = Checkpoint.load_or_embedded(settings.checkpoint)
        if checkpoint.fallback_for:
            warning = f"Warning: {checkpoint.why_not} The embedded checkpoint answers instead."
            print(warning, file=sys.stderr, flush=True)
        # What is damaged is told now, and not to whoever compares two photos first.
        outline.embedded()
        embedded_limits()
        page = blocks.build(Assessor(checkpoint), settings)
        _, address, _ = blocks.launch(page, settings, prevent_thread_lock=True)
        print(sentence("interface.serving", address=address), flush=True)
        page.block_thread()


if __name__ == "__main__":
    with command("requirements.txt", SettingsError, checkpoint_folder.CheckpointError, NoFolder, status=1):
        serve()
