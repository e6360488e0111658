"""What is timed, against what: ``python -m benchmarks …`` prints a table and writes it to ``benchmarks/results``."""
