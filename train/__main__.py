"""python -m train: photographs in, a published checkpoint out."""

from train.commands.command_line import main

if __name__ == "__main__":
    main()
