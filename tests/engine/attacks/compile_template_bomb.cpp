// Work for the compiler that doubles with each level.
template <int N, int M> struct Tree { enum { value = Tree<N - 1, 2 * M>::value + Tree<N - 1, 2 * M + 1>::value }; };
template <int M> struct Tree<0, M> { enum { value = M }; };
int main() { return Tree<28, 0>::value; }
