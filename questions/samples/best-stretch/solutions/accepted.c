#include <stdio.h>

int main(void) {
    int n;
    long long result, ending_here, best;
    if (scanf("%d %lld", &n, &result) != 2) return 1;
    ending_here = best = result;
    for (int i = 1; i < n; i++) {
        if (scanf("%lld", &result) != 1) return 1;
        ending_here = ending_here > 0 ? ending_here + result : result;
        if (ending_here > best) best = ending_here;
    }
    printf("%lld\n", best);
    return 0;
}
