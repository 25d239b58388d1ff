"""Locust at wire speed: every request timed from when it was due, recorded raw, and the generator watched as closely as the server."""
