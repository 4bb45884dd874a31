letters = [char for char in input().lower() if char.isalpha()]
print("YES" if letters == letters[::-1] else "NO")
