"""One network trained across hospitals that keep their photographs, on Flower: ``python -m train federate``.

``client_app`` and ``server_app`` are what Flower runs; ``simulation.federate`` runs both on one machine, one site a
source or centre family. ``site`` is a hospital's side: ``fit``'s own run for some epochs a round. ``rounds`` is the
server's: which sites answer, and the mean of what they send. ``messages`` says what may leave a site, ``counts``
calibrates from counts, ``run_folder`` writes what ``evaluate``, ``export`` and ``push`` take.
"""

import os

# Nothing is told to the makers of Flower and Ray. Read when they are imported, by every process that begins here.
for _name, _value in (
    ("FLWR_TELEMETRY_ENABLED", "0"),
    ("FLWR_DISABLE_UPDATE_CHECK", "1"),
    ("RAY_USAGE_STATS_ENABLED", "0"),
):
    os.environ.setdefault(_name, _value)
