"""Output without end, deaf to the signal that ends it."""

import os
import signal

signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
while True:
    for number in (1, 2):
        try:
            os.write(number, bytes(1 << 16))
        except OSError:
            pass
