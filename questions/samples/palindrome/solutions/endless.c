/* Does not step over what is no letter, and so waits there for ever. */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

int main(void) {
    char line[1002];
    if (!fgets(line, sizeof line, stdin)) return 1;
    volatile int left = 0;
    int right = (int)strlen(line) - 1;
    while (left < right) {
        if (!isalpha((unsigned char)line[left]) || !isalpha((unsigned char)line[right])) continue;
        if (tolower((unsigned char)line[left]) != tolower((unsigned char)line[right])) break;
        left++;
        right--;
    }
    puts(left < right ? "NO" : "YES");
    return 0;
}
