"""Locust at wire speed: each request timed from when it was due, recorded raw, the generator watched too."""
