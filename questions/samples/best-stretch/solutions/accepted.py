n = int(input())
results = [int(word) for word in input().split()]
best = ending_here = results[0]
for result in results[1:]:
    ending_here = max(result, ending_here + result)
    best = max(best, ending_here)
print(best)
