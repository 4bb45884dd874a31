#include <iostream>
#include <string>
#include <vector>

int main() {
    int n;
    std::cin >> n;
    std::vector<std::string> words(n);
    for (std::string& word : words) std::cin >> word;
    // Print each word that occurs in the list at least twice.
}
