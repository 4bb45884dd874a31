#include <stdio.h>

static long long results[20000];

int main(void) {
    int n;
    if (scanf("%d", &n) != 1) return 1;
    for (int i = 0; i < n; i++)
        if (scanf("%lld", &results[i]) != 1) return 1;
    /* Print the largest sum of consecutive results. */
    return 0;
}
