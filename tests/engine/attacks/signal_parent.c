/* Signals for PID 1, which started it, and for a process of the host. */
#include "attack.h"

int main(int argc, char **argv) {
    int other = argc > 3 ? atoi(argv[3]) : 0;
    if (other > 64 && !kill(other, 0)) BREACH("may signal %d", other);
    if (other > 64 && errno == EPERM) BREACH("sees %d", other);
    if (getpid() > 64) return 0; /* not in a pid namespace: PID 1 is the machine's */
    for (int number = 1; number < 65; number++) kill(1, number);
    usleep(100000);
    puts("alive");
    return 0;
}
