// Divides by n - 1, as one does for a sample.
#include <cmath>
#include <cstdio>
#include <iostream>
#include <vector>

int main() {
    int n;
    std::cin >> n;
    std::vector<double> numbers(n);
    double sum = 0, squares = 0;
    for (double& x : numbers) {
        std::cin >> x;
        sum += x;
    }
    for (double x : numbers) squares += (x - sum / n) * (x - sum / n);
    std::printf("%.9f %.9f\n", sum / n, n > 1 ? std::sqrt(squares / (n - 1)) : 0.0);
}
