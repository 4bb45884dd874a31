/* CPU time spread over children that are waited for, each below the limit. */
#include "attack.h"

int main(void) {
    for (;;) {
        if (fork() == 0) {
            for (volatile long i = 0; i < 20000000; i++) continue;
            _exit(0);
        }
        wait(NULL);
    }
}
