n = int(input())
numbers = [float(word) for word in input().split()]
# Print the mean and the standard deviation.
