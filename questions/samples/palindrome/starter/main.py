line = input()
# Print YES or NO.
