/* Shared memory of a process that lets nobody see what it maps. */
#include "attack.h"

int main(void) {
    size_t size = (size_t)MEMORY_MIB / 2 * MIB;
    prctl(PR_SET_DUMPABLE, 0);
    for (int i = 0; i < 4; i++) {
        char *block = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        if (block == MAP_FAILED) return 5;
        memset(block, 1, size);
        madvise(block, size, MADV_DONTNEED);
    }
    usleep(100000);
    BREACH("%zu MiB", 4 * size / MIB);
    return 0;
}
