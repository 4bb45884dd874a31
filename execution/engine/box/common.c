/* What every part of box needs: ending with a complaint, reading numbers, dropping rights. See box.h. */
#include "box.h"

#include <grp.h>
#include <sys/prctl.h>

void die(const char *what) {
    dprintf(2, "box: %s: %s\n", what, strerror(errno));
    _exit(120);
}

/* The number that is all of TEXT up to STOP or its end. */
int64_t number_before(char stop, const char *text) {
    char *end;
    errno = 0;
    long long value = strtoll(text, &end, 10);
    if (errno || end == text || (*end && *end != stop) || value < 0) {
        errno = EINVAL;
        die(text);
    }
    return value;
}

int64_t number(const char *text) {
    return number_before(0, text);
}

char *copy_of(const char *text) {
    char *copy = strdup(text);
    if (!copy) die("strdup");
    return copy;
}

void write_zero(const char *path) {
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0 || write(fd, "0", 1) != 1) die(path);
    close(fd);
}

void drop_to(int64_t uid) {
    if (uid < 0) return;
    gid_t gid = (gid_t)uid;
    if (setgroups(0, NULL)) die("setgroups");
    if (setresgid(gid, gid, gid)) die("setresgid");
    if (setresuid((uid_t)uid, (uid_t)uid, (uid_t)uid)) die("setresuid");
}

/* No core dumps of anything in the sandbox. Not 0: where core_pattern names a program of the host's,
 * the kernel starts it whatever the limit is (core(5)), unless that is 1 (do_coredump() in
 * fs/coredump.c); and a core file needs a page at least. The seccomp filter keeps it from being changed. */
void forbid_core_dumps(void) {
    struct rlimit one = {1, 1}, none = {0, 0}; /* none: 1 is more than some start us with */
    if (setrlimit(RLIMIT_CORE, &one) && setrlimit(RLIMIT_CORE, &none)) die("setrlimit");
}

void die_with(pid_t parent) {
    if (prctl(PR_SET_PDEATHSIG, SIGKILL)) die("prctl");
    if (getppid() != parent) _exit(120); /* it was gone before we asked */
}

void become(char **command) {
    execv(command[0], command);
    die(command[0]);
}
