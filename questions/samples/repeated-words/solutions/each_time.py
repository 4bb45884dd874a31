# Prints a word at every repetition, so three equal words appear twice.
import sys

_, *words = sys.stdin.read().split()
seen = set()
for word in words:
    if word in seen:
        print(word)
    seen.add(word)
