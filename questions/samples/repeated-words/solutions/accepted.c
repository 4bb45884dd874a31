#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char words[20000][21];

static int compare(const void *left, const void *right) {
    return strcmp(left, right);
}

int main(void) {
    int n;
    if (scanf("%d", &n) != 1) return 1;
    for (int i = 0; i < n; i++)
        if (scanf("%20s", words[i]) != 1) return 1;
    qsort(words, n, sizeof words[0], compare);
    for (int i = 1; i < n; i++)
        if (!strcmp(words[i], words[i - 1]) && (i < 2 || strcmp(words[i], words[i - 2]))) puts(words[i]);
    return 0;
}
