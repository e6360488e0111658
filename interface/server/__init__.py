"""The server around the page: middleware, sessions, uploads, errors and settings.

``middleware.AdmissionMiddleware`` limits requests and uploads, ``sessions.Sessions`` forgets what a session leaves,
``uploads.private_folder`` holds the files meanwhile.
"""
