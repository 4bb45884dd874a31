/* Shared memory that is not, or hardly, mapped any more by those who wrote it. */
#include "attack.h"

enum { PART = 4 * MIB, PARTS = 6 * MEMORY_MIB / 4 };

/* A page keeps the whole region. */
static void leave_a_page(char *part) {
    munmap(part + 4096, PART - 4096);
}

static void unmap_the_pages(char *part) {
    madvise(part, PART, MADV_DONTNEED);
}

int main(void) {
    for (int i = 0; i < PARTS; i++) {
        char *part = mmap(NULL, PART, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        if (part == MAP_FAILED) return 5;
        memset(part, 1, PART);
        (i % 2 ? leave_a_page : unmap_the_pages)(part);
    }
    usleep(100000);
    BREACH("%d MiB", PARTS * (PART / MIB));
    return 0;
}
