"""The service without a server: no framework, no `async`, no socket, no sleep, no global state.

Plain values come in (a name, headers, bytes), decisions go out as values; each face performs their effects.
"""
