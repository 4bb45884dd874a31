#include <stdio.h>

static char words[20000][21];

int main(void) {
    int n;
    if (scanf("%d", &n) != 1) return 1;
    for (int i = 0; i < n; i++)
        if (scanf("%20s", words[i]) != 1) return 1;
    /* Print each word that occurs in the list at least twice. */
    return 0;
}
