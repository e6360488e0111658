"""python -m train: photographs in, a published checkpoint out."""

import os

# Before torch is imported: threads that wait by spinning take the cores from those that work.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

from skin_model.command_line import command

if __name__ == "__main__":
    with command("requirements-train.txt"):
        from train.commands.command_line import main

        main()
