/* Files until nothing fits any more, wherever one can be made. */
#include "attack.h"

static char block[MIB];

static long fill(const char *directory) {
    long written = 0;
    for (int i = 0; i < 1000; i++) {
        char path[64];
        snprintf(path, sizeof path, "%s/fill-%d", directory, i);
        int file = open(path, O_WRONLY | O_CREAT, 0600);
        if (file < 0) return written;
        for (int k = 0; k < FILE_MIB && write(file, block, sizeof block) == sizeof block; k++) written++;
        close(file);
        if (written > 200) BREACH("%s holds more than %ld MiB", directory, written);
        if (written > 200 || written % FILE_MIB) return written;
    }
    return written;
}

int main(void) {
    signal(SIGXFSZ, SIG_IGN);
    static const char *const places[] = {".", "/box", "/tmp", "/var/tmp", "/dev/shm", "/run", "/"};
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) fill(places[i]);
    return 0;
}
