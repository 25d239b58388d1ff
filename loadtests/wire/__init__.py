"""One request at wire speed: connections, messages, bodies and the client that times them."""
