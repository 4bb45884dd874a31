#include <iostream>
#include <map>
#include <string>

int main() {
    int n;
    std::cin >> n;
    std::map<std::string, int> counts;
    std::string word;
    while (std::cin >> word) ++counts[word];
    for (auto entry = counts.rbegin(); entry != counts.rend(); ++entry)
        if (entry->second > 1) std::cout << entry->first << '\n';
}
