#include <stdio.h>

int main(void) {
    char line[1002];
    if (!fgets(line, sizeof line, stdin)) return 1;
    /* Print YES or NO. */
    return 0;
}
