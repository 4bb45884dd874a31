n = int(input())
words = [input() for _ in range(n)]
# Print each word that occurs in the list at least twice.
