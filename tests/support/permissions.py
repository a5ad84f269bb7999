"""Tests of what permissions forbid, also where tests are run by root."""

import os
from contextlib import contextmanager


@contextmanager
def somebody():
    """Be a user whom permissions hold back, which they do not do with root."""
    root = os.geteuid() == 0
    if root:
        os.seteuid(65534)
    try:
        yield
    finally:
        if root:
            os.seteuid(0)
