/* What waits in sockets, which belongs to no process either. */
#include "attack.h"
#include <sys/socket.h>

enum { CHILDREN = 6, PAIRS = 28 };

static long fill(int socket) {
    static char text[65536];
    int most = 1 << 30;
    long filled = 0;
    setsockopt(socket, SOL_SOCKET, SO_SNDBUF, &most, sizeof most);
    for (ssize_t sent; filled < 2 * MIB && (sent = send(socket, text, sizeof text, MSG_DONTWAIT)) > 0;)
        filled += sent;
    return filled;
}

static void fill_all(void) {
    long filled = 0;
    int pair[2];
    for (int i = 0; i < PAIRS && !socketpair(AF_UNIX, SOCK_STREAM, 0, pair); i++)
        filled += fill(pair[0]) + fill(pair[1]);
    if (filled > (long)MEMORY_MIB / 2 * MIB) BREACH("%ld MiB", filled / MIB);
    usleep(100000);
    _exit(0);
}

int main(void) {
    for (int i = 0; i < CHILDREN; i++)
        if (fork() == 0) fill_all();
    while (wait(NULL) > 0) continue;
    return 0;
}
