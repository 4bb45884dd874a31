// Errors without an end.
template <int N> struct Again { Again<N + 1> next; int wrong = "no number"; };
#define X4(x) x x x x
#define X256(x) X4(X4(X4(X4(x))))
X256(X256(undefined_function(););)
