/* Memory that belongs to no process: shared, in files without a name, in segments. */
#include "attack.h"
#include <sys/ipc.h>
#include <sys/shm.h>

static int touched;

static void touch(char *block) {
    if (block == MAP_FAILED) return;
    memset(block, 1, (size_t)MEMORY_MIB / 2 * MIB);
    if (++touched > 4) BREACH("%d MiB", touched * MEMORY_MIB / 2);
}

int main(void) {
    signal(SIGXFSZ, SIG_IGN);
    size_t size = (size_t)MEMORY_MIB / 2 * MIB;
    for (int i = 0; i < 3; i++) {
        int segment = shmget(IPC_PRIVATE, size, IPC_CREAT | 0600);
        if (segment >= 0) BREACH("shmget");
        if (segment >= 0) shmctl(segment, IPC_RMID, NULL);
        int file = memfd_create("attack", 0);
        for (int k = 0; file >= 0 && k < MEMORY_MIB; k++)
            if (fallocate(file, 0, (off_t)k * MIB, MIB)) break;
        touch(mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
        usleep(50000);
    }
    for (int i = 0; i < 4; i++) {
        touch(mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
        usleep(50000);
    }
    return 5;
}
