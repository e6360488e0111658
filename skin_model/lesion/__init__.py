"""The lesion itself: its outline, its ABCD measures, its colours, the hairs over it, and two photos of it laid over
each other. Enter through ``outline.find``, ``abcd.measure`` and ``registration.register``; nothing here knows the risk.
"""
