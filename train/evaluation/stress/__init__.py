"""The same photographs again, made harder: altered as clinics and phones do it, turned, and changed to mislead."""
