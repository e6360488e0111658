"""What can be predicted without looking at the lesion. Enter through ``audit.audit`` and ``audit.audit_files``."""
