"""A slot, held."""

import time

while True:
    time.sleep(60)
