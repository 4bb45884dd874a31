/* What every part of box needs: ending with a complaint, reading numbers, dropping rights. See box.h. */
#include "box.h"

#include <grp.h>
#include <linux/capability.h>
#include <sys/fsuid.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

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

int empty_bounding_set(void) {
    for (unsigned long cap = 0; prctl(PR_CAPBSET_READ, cap) >= 0; cap++)
        if (prctl(PR_CAPBSET_DROP, cap)) return -1;
    return 0;
}

void drop_capabilities(void) {
    struct __user_cap_header_struct own = {_LINUX_CAPABILITY_VERSION_3, 0};
    struct __user_cap_data_struct none[2] = {{0, 0, 0}, {0, 0, 0}};
    if (syscall(SYS_capset, &own, none)) die("capset");
}

/* From root to UID, without any right. Only the saved user id stays root's, for one thing: bubblewrap, which
 * is root without capabilities by then, must be let to kill us when it ends. */
void drop_rights(int64_t uid) {
    if (uid < 0) return;
    gid_t gid = (gid_t)uid;
    if (empty_bounding_set()) die("PR_CAPBSET_DROP");
    if (setgroups(0, NULL)) die("setgroups");
    if (setresgid(gid, gid, gid)) die("setresgid");
    if (setresuid((uid_t)uid, (uid_t)uid, 0)) die("setresuid");
    drop_capabilities();
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)) die("PR_SET_NO_NEW_PRIVS");
}

/* The kernel forgets at this whom we die with. */
static void act_as(uid_t uid, gid_t gid) {
    int death_signal = 0;
    pid_t parent = getppid();
    if (prctl(PR_GET_PDEATHSIG, &death_signal)) die("prctl");
    setfsgid(gid);
    setfsuid(uid);
    if ((uid_t)setfsuid((uid_t)-1) != uid) die("setfsuid");
    if (prctl(PR_SET_PDEATHSIG, death_signal)) die("prctl");
    if (death_signal && getppid() != parent) raise(death_signal);
}

void act_as_program(void) {
    if (told.uid >= 0) act_as((uid_t)told.uid, (gid_t)told.uid);
}

void act_as_oneself(void) {
    act_as(geteuid(), getegid());
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
