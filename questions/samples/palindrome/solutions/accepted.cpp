#include <cctype>
#include <iostream>
#include <string>

int main() {
    std::string line, letters;
    std::getline(std::cin, line);
    for (unsigned char c : line)
        if (std::isalpha(c)) letters += static_cast<char>(std::tolower(c));
    bool same = letters == std::string(letters.rbegin(), letters.rend());
    std::cout << (same ? "Yes" : "No") << '\n';
}
