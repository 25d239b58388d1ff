"""A small shop, five times: what a team's own applications look like to the laboratory."""
