/* A crash that would leave a core, with the limit raised first. */
#include "attack.h"
#include <dirent.h>

int main(void) {
    struct rlimit much = {RLIM_INFINITY, RLIM_INFINITY};
    if (!setrlimit(RLIMIT_CORE, &much)) BREACH("may dump core");
    prctl(PR_SET_DUMPABLE, 1);
    int status;
    if (fork() == 0) abort();
    wait(&status);
    if (WCOREDUMP(status)) BREACH("dumped core");
    abort();
}
