"""What every server really does: a table of probes, asked of bare applications over real sockets."""
