/* Its own limits raised, and those of PID 1 and of whoever started it changed. */
#include "attack.h"

int main(void) {
    static const int limits[] = {RLIMIT_NPROC, RLIMIT_NOFILE, RLIMIT_FSIZE,   RLIMIT_STACK,   RLIMIT_CPU,
                                 RLIMIT_DATA,  RLIMIT_CORE,   RLIMIT_MEMLOCK, RLIMIT_MSGQUEUE};
    for (size_t i = 0; i < sizeof limits / sizeof *limits; i++) {
        struct rlimit before, much = {RLIM_INFINITY, RLIM_INFINITY};
        int is_bounded = !getrlimit(limits[i], &before) && before.rlim_max != RLIM_INFINITY;
        if (limits[i] == RLIMIT_DATA && !is_bounded) continue; /* where a control group counts memory */
        if (!is_bounded && limits[i] != RLIMIT_CORE) BREACH("limit %d has no bound", limits[i]);
        if (!setrlimit(limits[i], &much)) BREACH("raises limit %d", limits[i]);
    }
    struct rlimit few = {64, 64};
    if (!prlimit(1, RLIMIT_NOFILE, &few, NULL)) BREACH("limits PID 1");
    if (setpriority(PRIO_PROCESS, 0, -5) == 0) BREACH("raises its priority");
    return 0;
}
