"""The Space's entry: builds the interface and launches it."""

import os

# Before torch starts its threads: waiting threads must sleep, as the server shares few cores among its visitors.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import torch

import interface
from skin_model.assess import Assessor

if __name__ == "__main__":
    torch.set_num_threads(1)
    interface.launch(
        interface.build(Assessor.load(os.environ.get("SKIN_CHECKPOINT"))),
        server_name=os.environ.get("GRADIO_SERVER_NAME", "127.0.0.1"),
        server_port=int(os.environ.get("GRADIO_SERVER_PORT", "7860")),
    )
