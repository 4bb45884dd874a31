/* Processes, counted. */
#include "attack.h"

int main(void) {
    int children = 0;
    for (; children < 10 * PROCESSES; children++) {
        pid_t child = fork();
        if (child < 0) break;
        if (child == 0) {
            pause();
            _exit(0);
        }
    }
    if (children > PROCESSES) BREACH("%d children", children);
    printf("%d\n", children);
    return 0;
}
