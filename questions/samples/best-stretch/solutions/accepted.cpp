#include <algorithm>
#include <iostream>

int main() {
    int n;
    long long result, ending_here, best;
    std::cin >> n >> result;
    ending_here = best = result;
    for (int i = 1; i < n; ++i) {
        std::cin >> result;
        ending_here = std::max(result, ending_here + result);
        best = std::max(best, ending_here);
    }
    std::cout << best << '\n';
}
