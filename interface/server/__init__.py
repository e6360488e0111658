"""The server around the page: middleware, sessions, uploads, errors and settings."""
