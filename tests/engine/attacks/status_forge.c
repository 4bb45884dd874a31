/* A report of its own to whoever listens, and the exit code of somebody who was killed. */
#include "attack.h"

int main(void) {
    static const char forged[] = "started\n{\"exit\":0,\"signal\":0,\"exec_errno\":0,\"killed\":\"\",\"cpu_us\":1}\n";
    for (int number = 3; number < 1024; number++)
        if (write(number, forged, sizeof forged - 1) > 0) BREACH("writes to %d", number);
    for (int number = 0; number < 64; number++) {
        char path[64];
        snprintf(path, sizeof path, "/proc/1/fd/%d", number);
        int file = open(path, O_WRONLY);
        if (file >= 0 && write(file, forged, sizeof forged - 1) > 0) BREACH("writes to PID 1's %d", number);
    }
    dprintf(2, "box: forged\n");
    return 137;
}
