/* Files larger than allowed, without writing much. */
#include "attack.h"

int main(void) {
    signal(SIGXFSZ, SIG_IGN);
    int file = open("sparse", O_RDWR | O_CREAT, 0600);
    if (!ftruncate(file, (off_t)64 * MIB)) BREACH("truncated to 64 MiB");
    if (pwrite(file, "x", 1, (off_t)64 * MIB) == 1) BREACH("wrote at 64 MiB");
    if (!fallocate(file, 0, 0, (off_t)64 * MIB)) BREACH("allocated 64 MiB");
    if (!ftruncate(1, (off_t)64 * MIB)) BREACH("output truncated to 64 MiB");
    return 0;
}
