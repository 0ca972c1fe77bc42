"""Ends a program that has processes of its own by unwinding it once: make passes its own SIGTERM on, so it comes twice."""

import signal


def unwind_once():
    """From now on the first SIGINT or SIGTERM raises KeyboardInterrupt; those that follow do not disturb what it began."""
    def unwind(*_):
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        raise KeyboardInterrupt
    signal.signal(signal.SIGINT, unwind)
    signal.signal(signal.SIGTERM, unwind)
