/* A recursion without end. */
#include "attack.h"

static int deeper(volatile int level) {
    volatile char here[4096];
    here[0] = (char)level;
    return deeper(level + 1) + here[0];
}

int main(void) { return deeper(0); }
