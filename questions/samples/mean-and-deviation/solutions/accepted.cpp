#include <cmath>
#include <cstdio>
#include <iostream>
#include <vector>

int main() {
    int n;
    std::cin >> n;
    std::vector<double> numbers(n);
    long double sum = 0, squares = 0;
    for (double& x : numbers) {
        std::cin >> x;
        sum += x;
    }
    long double mean = sum / n;
    for (double x : numbers) squares += (x - mean) * (x - mean);
    std::printf("%.9f %.9f\n", static_cast<double>(mean), static_cast<double>(std::sqrt(squares / n)));
}
