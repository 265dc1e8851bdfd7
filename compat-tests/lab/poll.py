"""Waiting for a condition, with a bound. Nothing in the suites sleeps for a fixed time."""

import time


class TimedOut(Exception):
    """The condition did not come true within its bound."""


def until(what, condition, timeout, interval=0.05):
    """Calls `condition` until it returns something true, and returns that.

    Raises TimedOut with `what` and the last value after `timeout` seconds.
    """
    deadline = time.monotonic() + timeout
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() >= deadline:
            raise TimedOut(f"{what}: not within {timeout} s (last: {value!r})")
        time.sleep(interval)


def holds_within(condition, timeout, interval=0.05):
    """Like `until`, for a check: True or False instead of an exception."""
    try:
        until("", condition, timeout, interval)
        return True
    except TimedOut:
        return False
