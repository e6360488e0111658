"""python -m train: photographs in, a published checkpoint out."""

from skin_model.command_line import command

if __name__ == "__main__":
    with command("requirements-train.txt"):
        from train.commands.command_line import main

        main()
