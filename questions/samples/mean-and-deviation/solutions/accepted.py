import math

n = int(input())
numbers = [float(word) for word in input().split()]
mean = math.fsum(numbers) / n
deviation = math.sqrt(math.fsum((x - mean) ** 2 for x in numbers) / n)
print(f"{mean:.9f} {deviation:.9f}")
