# The formula of the hint, whose digits cancel out.
import math

n = int(input())
numbers = [float(word) for word in input().split()]
mean = sum(numbers) / n
variance = sum(x * x for x in numbers) / n - mean * mean
print(mean, math.sqrt(max(0.0, variance)))
