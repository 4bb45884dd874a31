#include <stdio.h>

static double numbers[100000];

int main(void) {
    int n;
    if (scanf("%d", &n) != 1) return 1;
    for (int i = 0; i < n; i++)
        if (scanf("%lf", &numbers[i]) != 1) return 1;
    /* Print the mean and the standard deviation. Math functions need #include <math.h>. */
    return 0;
}
