"""The command line, one module a group of commands, and what ties several packages together."""
