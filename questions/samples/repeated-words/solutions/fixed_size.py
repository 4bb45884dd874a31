# Has room for a thousand words: IndexError on longer lists.
import sys

_, *words = sys.stdin.read().split()
shelf = [""] * 1000
for index, word in enumerate(words):
    shelf[index] = word
for word in {word for word in shelf if word and shelf.count(word) > 1}:
    print(word)
