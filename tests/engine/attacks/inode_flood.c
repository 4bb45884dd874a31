/* Empty files, which take memory of the kernel and no space. */
#include "attack.h"

int main(void) {
    for (long i = 0; i < 200000; i++) {
        char path[64];
        snprintf(path, sizeof path, "%s/i%ld", i % 2 ? "." : "/tmp", i);
        int file = open(path, O_WRONLY | O_CREAT, 0600);
        if (file < 0) return 0;
        close(file);
    }
    BREACH("200000 files");
    return 0;
}
