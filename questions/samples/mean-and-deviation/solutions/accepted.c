#include <stdio.h>

static double numbers[100000];

/* Newton's method: without <math.h> it also links where -lm is not given. */
static double square_root(double value) {
    if (value <= 0) return 0;
    double root = value > 1 ? value : 1;
    for (int i = 0; i < 200; i++) root = (root + value / root) / 2;
    return root;
}

int main(void) {
    int n;
    long double sum = 0, squares = 0;
    if (scanf("%d", &n) != 1) return 1;
    for (int i = 0; i < n; i++) {
        if (scanf("%lf", &numbers[i]) != 1) return 1;
        sum += numbers[i];
    }
    double mean = (double)(sum / n);
    for (int i = 0; i < n; i++) squares += (numbers[i] - mean) * (numbers[i] - mean);
    printf("%.9f %.9f\n", mean, square_root((double)(squares / n)));
    return 0;
}
