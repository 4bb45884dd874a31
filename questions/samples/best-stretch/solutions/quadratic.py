# Right, and too slow for the long cases: it looks at each of the n (n + 1) / 2 stretches.
n = int(input())
results = [int(word) for word in input().split()]
best = results[0]
for first in range(n):
    total = 0
    for result in results[first:]:
        total += result
        if total > best:
            best = total
print(best)
