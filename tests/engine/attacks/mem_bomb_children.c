/* Memory in many processes, each of which is small. */
#include "attack.h"

int main(void) {
    int children = 0;
    for (; children < PROCESSES - 4; children++)
        if (fork() == 0) {
            char *block = malloc((size_t)MEMORY_MIB / 4 * MIB);
            if (!block) _exit(1);
            memset(block, 1, (size_t)MEMORY_MIB / 4 * MIB);
            sleep(1);
            _exit(0);
        }
    int held = 0, status;
    while (wait(&status) > 0) held += status == 0;
    if (held > 6) BREACH("%d processes held %d MiB each", held, MEMORY_MIB / 4);
    return 5;
}
