"""The Space's entry: builds the interface and launches it, by default on http://127.0.0.1:7860.

Settings are environment variables (docs/operations.md lists them): SKIN_CHECKPOINT, SKIN_MISTAKES, SKIN_LANGUAGE, …;
GRADIO_SERVER_NAME and GRADIO_SERVER_PORT, which Gradio reads, give another address.
"""

import os
import sys

# Before torch starts its threads: waiting threads must sleep, as the server shares few cores among its visitors.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import torch

from interface import blocks
from interface.server.settings import Settings, SettingsError
from interface.server.uploads import NoFolder, private_folder
from skin_model.assess import Assessor
from skin_model.network.checkpoint import Checkpoint, CheckpointError
from skin_model.wording import sentence

if __name__ == "__main__":
    torch.set_num_threads(1)
    try:
        settings = Settings.from_environment()
        checkpoint = Checkpoint.load_or_embedded(settings.checkpoint)
    except (SettingsError, CheckpointError) as problem:
        sys.exit(f"Error: {problem}")
    if checkpoint.fallback_for:
        print(f"Warning: {checkpoint.why_not} The embedded checkpoint answers instead.", file=sys.stderr, flush=True)
    try:
        with private_folder(settings.keep_seconds):
            page = blocks.build(Assessor(checkpoint), settings)
            _, address, _ = blocks.launch(page, settings, prevent_thread_lock=True)
            print(sentence("interface.serving", address=address), flush=True)
            page.block_thread()
    except NoFolder as problem:
        sys.exit(f"Error: {problem}")
