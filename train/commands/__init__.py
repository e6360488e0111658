"""The command line, one module a group of commands, and what ties several packages together.

Enter through ``command_line.main``, ``preparation.prepare`` and ``release_steps.release``.
"""
