#include <iostream>
#include <vector>

int main() {
    int n;
    std::cin >> n;
    std::vector<double> numbers(n);
    for (double& x : numbers) std::cin >> x;
    // Print the mean and the standard deviation.
}
