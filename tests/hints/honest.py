"""Hints as good ones are, on all levels and about the samples: none may be refused."""

HONEST = {
    "sum": (
        "What does `int()` do with a text that has two numbers and a blank in it? Look at the first public case.",
        "`input()` gives you the whole line. Numbers that stand on one line have to be taken apart first.",
        "Line 2 converts the whole line at once. Use `input().split()` to get its parts, then convert each of them.",
        "Both numbers are read right, but their sum may be larger than 2147483647, the largest value of an `int`. "
        "Which type holds more?",
        "1. Read the line.\n2. Split it at the blanks.\n3. Convert both parts to whole numbers.\n4. Print their sum.",
        "Declare them as `long long a, b;` since `int` is too small for the largest inputs.",
        "In Java an `int` overflows silently; use `long` for `a`, `b` and the sum. `Scanner` has `nextLong()` for it.",
    ),
    "palindrome": (
        "What becomes of “A man, a plan”: which characters does your loop compare first?",
        "Before comparing, everything that is no letter has to go, and upper case must not matter.",
        "Line 7 compares the characters as they are. `isalpha(c)` tells whether one is a letter, `tolower` makes it "
        "small; mind that both want an `unsigned char`.",
        "1. Keep only the letters.\n2. Make them all lower-case.\n3. Go from both ends towards the middle, and "
        "compare.\n4. As soon as two differ, the answer is NO.\n5. If the middle is reached, it is YES.",
        "`letters[::-1]` is the same backwards; compare `letters` with it once all else is taken out.",
        "Your loop never ends when `line[left]` is a comma: neither `left` nor `right` changes then.",
    ),
    "repeated-words": (
        "How often is “tea” printed when it occurs three times?",
        "A dictionary that maps each word to how often it was seen answers this in one pass.",
        "Line 7 prints at every repetition. Print only when the count becomes exactly two, or print after the loop.",
        "`Counter(words).items()` gives each word with its count; print it where the count is larger than 1.",
        "1. Make an empty table of counts.\n2. For each word, add one to its count.\n3. For each word in the table:\n"
        "   - if its count is larger than one, print it.",
        "`shelf` has room for 1000 words, but there may be up to 20000: `IndexError` says that line 7 writes past "
        "its end.",
    ),
    "mean-and-deviation": (
        "By what do you divide: by the number of values, or by one less?",
        "Subtracting two large numbers that are nearly equal loses digits. This is called cancellation.",
        "Line 7 subtracts `mean * mean` from a number of nearly the same size. Compute the mean first, then add up "
        "the squares of the differences.",
        "1. Add up all numbers and divide by how many there are.\n2. For each number, take its distance from the "
        "mean, square it, and add it up.\n3. Divide by the count and take the square root.\n4. Print both with at "
        "least six digits.",
        "`cout` prints six digits unless it is told otherwise; see `setprecision(9)` and `fixed`.",
    ),
    "best-stretch": (
        "Your program took 3.0 s on case 7 and 0.1 s on case 3. How does its time grow with n?",
        "For n = 100000 the two loops do about 5000000000 steps. Ten to the eighth is what a second allows in C.",
        "The loop in line 5 begins again for each start. What do you already know about the stretch that ends one "
        "day earlier?",
        "1. Walk over the days once.\n2. Keep the best stretch that ends today: it is either today alone, or today "
        "added to yesterday's best.\n3. Keep the best of all these.\n4. Print it.",
        "When all days are losses, `best` stays 0 although no stretch has this sum. Which value should it begin with?",
        "Otherwise your program is right:\n- it reads all numbers\n- it compares with `>` and not with `>=`\n- it "
        "prints a newline at the end\n- it uses 64 bits",
        "Warum beginnt `best` bei 0? Wenn alle Tage Verluste sind, ist die Antwort negativ.",
        "Si todos los días son pérdidas, ¿qué valor debe tener `best` al principio?",
        "如果每天都亏损，`best` 的初始值应该是多少？请先看第一个公开样例，然后检查第 5 行。",
    ),
}
"""By the sample that they are about."""
