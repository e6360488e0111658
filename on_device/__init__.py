"""The static page that scores a photo in the visitor's own browser, and the command that builds it."""
