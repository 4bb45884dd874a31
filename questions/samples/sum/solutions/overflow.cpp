// Right for small numbers only: std::cin stops at the largest int.
#include <iostream>

int main() {
    int a = 0, b = 0;
    std::cin >> a >> b;
    std::cout << static_cast<long long>(a) + b << '\n';
}
