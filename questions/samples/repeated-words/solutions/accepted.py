import sys
from collections import Counter

_, *words = sys.stdin.read().split()
for word, count in Counter(words).items():
    if count > 1:
        print(word)
