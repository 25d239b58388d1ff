"""Which requests are still being sent when they are refused."""

SENT_AT_ONCE_BYTES = 64 * 1024


def has_more_than_is_sent_at_once(length: str | None, chunked: bool, expects: bool) -> bool:
    """Whether a body is on its way that a system's buffers may not hold.

    A client that expects a 100 sends its body only when it is asked to.
    """
    if expects:
        return False
    return chunked or (
        length is not None and length.isdecimal() and len(length) <= 20 and int(length) > SENT_AT_ONCE_BYTES
    )
