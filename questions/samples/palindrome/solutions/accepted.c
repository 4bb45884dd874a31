#include <ctype.h>
#include <stdio.h>
#include <string.h>

int main(void) {
    char line[1002];
    if (!fgets(line, sizeof line, stdin)) return 1;
    int left = 0, right = (int)strlen(line) - 1;
    while (left < right) {
        if (!isalpha((unsigned char)line[left])) {
            left++;
        } else if (!isalpha((unsigned char)line[right])) {
            right--;
        } else if (tolower((unsigned char)line[left++]) != tolower((unsigned char)line[right--])) {
            puts("no");
            return 0;
        }
    }
    puts("yes");
    return 0;
}
