#include <iostream>
#include <vector>

int main() {
    int n;
    std::cin >> n;
    std::vector<long long> results(n);
    for (long long& result : results) std::cin >> result;
    // Print the largest sum of consecutive results.
}
