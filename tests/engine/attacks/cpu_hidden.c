/* CPU time in grandchildren whose parents are gone, while the program itself sleeps. */
#include "attack.h"

int main(void) {
    for (;;) {
        if (fork() == 0) {
            if (fork() == 0) {
                for (volatile long i = 0; i < 50000000; i++) continue;
                _exit(0);
            }
            _exit(0);
        }
        wait(NULL);
        usleep(20000);
    }
}
