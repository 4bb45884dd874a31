n = int(input())
results = [int(word) for word in input().split()]
# Print the largest sum of consecutive results.
