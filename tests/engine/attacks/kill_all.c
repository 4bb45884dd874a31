/* Everything that may be signalled, at once. Never tried where that could be more than the sandbox. */
#include "attack.h"

int main(void) {
    if (getuid() == 0 || getpid() > 64) {
        BREACH("not in a pid namespace of its own");
        return 0;
    }
    pid_t child = fork();
    if (child == 0)
        for (;;) pause();
    kill(-1, SIGKILL);
    waitpid(child, NULL, 0);
    if (!kill(1, SIGKILL)) usleep(100000);
    puts("alone");
    return 0;
}
