# Takes upper-case and lower-case letters for different ones.
letters = [char for char in input() if char.isalpha()]
print("YES" if letters == letters[::-1] else "NO")
