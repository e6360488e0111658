"""python -m benchmarks …: what is timed, and against what."""

import os

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

from skin_model.command_line import command, require

if __name__ == "__main__":
    with command("requirements-dev.txt"):
        # Before torch is imported, which takes seconds.
        require("faiss", "imagehash", "pandas", "psutil", requirements="requirements-dev.txt")
        from benchmarks.command_line import main

        main()
