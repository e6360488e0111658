"""One module a tab; each has ``build``, which lays the tab out and wires it."""
