/* box relay: what two sandboxes say to each other, counted. See box.h.
 *
 *     program -> pipe -> [from  to] -> pipe -> interactor
 *     program <- pipe <- [to  from] <- pipe <- interactor
 *
 * Each sandbox has pipes of its own, so neither can do anything to the other's. An end is seen only when the
 * whole sandbox behind it is gone: the engine keeps the sandboxes' ends until then, which makes it certain who
 * ended first. Whoever writes to one that is gone is not told: it is read and forgotten, so that an interactor
 * that has seen enough does not turn a right program into one that crashed. */
#include "box.h"

#include <poll.h>

enum { WAYS = 2, ROOM = 65536 };

static struct way {
    int from, to; /* -1: closed */
    int64_t left; /* bytes that may still come */
    size_t begin, end;
    char data[ROOM];
} ways[WAYS];

static void shut(int *fd) {
    if (*fd >= 0) close(*fd);
    *fd = -1;
}

static void put(struct way *way) {
    while (way->to >= 0 && way->begin < way->end) {
        ssize_t n = write(way->to, way->data + way->begin, way->end - way->begin);
        if (n < 0 && (errno == EAGAIN || errno == EINTR)) return;
        if (n < 0 && errno != EPIPE) die("write");
        if (n < 0)
            shut(&way->to);
        else
            way->begin += (size_t)n;
    }
    way->begin = way->end; /* nobody is there to take the rest */
}

static void get(struct way *way, int number) {
    ssize_t n = read(way->from, way->data, sizeof way->data);
    if (n < 0 && errno != EAGAIN && errno != EINTR) die("read");
    if (n < 0) return;
    if (n == 0) {
        shut(&way->from);
        shut(&way->to);
    }
    if (n > way->left) _exit(number);
    way->left -= n;
    way->begin = 0;
    way->end = (size_t)n;
    put(way);
}

int relay(int argc, char **argv) {
    if (argc != 2 + 3 * WAYS) return 120;
    die_with(getppid());
    signal(SIGPIPE, SIG_IGN);
    for (int i = 0; i < WAYS; i++) {
        ways[i].from = (int)number(argv[2 + 3 * i]);
        ways[i].to = (int)number(argv[3 + 3 * i]);
        ways[i].left = number(argv[4 + 3 * i]);
    }
    while (ways[0].from >= 0 || ways[1].from >= 0) {
        struct pollfd ends[WAYS];
        for (int i = 0; i < WAYS; i++) {
            int is_full = ways[i].begin < ways[i].end;
            ends[i] = (struct pollfd){is_full ? ways[i].to : ways[i].from, is_full ? POLLOUT : POLLIN, 0};
        }
        if (poll(ends, WAYS, -1) < 0 && errno != EINTR) die("poll");
        for (int i = 0; i < WAYS; i++) {
            if (!ends[i].revents) continue;
            if (ways[i].begin < ways[i].end)
                put(&ways[i]);
            else
                get(&ways[i], i + 1);
        }
    }
    return 0;
}
