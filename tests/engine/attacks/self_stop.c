/* A program that stops itself, and all who could wake it. */
#include "attack.h"

int main(void) {
    for (int i = 0; i < 4; i++) fork();
    for (;;) raise(SIGSTOP);
}
