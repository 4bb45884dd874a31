/* box reduced: which files the program may reach (Landlock), and whom it may signal. See box.h.
 *
 * The numbers are the kernel's (linux/landlock.h), whose header may be older than the kernel. */
#include "box.h"

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>

enum { CREATE_RULESET = 444, ADD_RULE = 445, RESTRICT_SELF = 446, PATH_BENEATH = 1 };
enum { ABSTRACT_UNIX_SOCKET = 1, SIGNAL = 2, SCOPED_SINCE = 6 };

#define RIGHTS_OF_FILES (LANDLOCK_EXECUTE | LANDLOCK_WRITE | LANDLOCK_READ | (1U << 14) | (1U << 15))

struct ruleset {
    uint64_t files, network, scoped;
};

struct beneath {
    uint64_t allowed;
    int32_t directory;
} __attribute__((packed));

static int version, ruleset = -1;
static uint64_t handled;

void begin_walls(int wanted_version) {
    version = wanted_version;
    if (!version) return;
    handled = version < 2 ? LANDLOCK_1 : version < 3 ? LANDLOCK_2 : version < 5 ? LANDLOCK_3 : LANDLOCK_5;
    struct ruleset rules = {handled, 0, ABSTRACT_UNIX_SOCKET | SIGNAL};
    size_t size = version < SCOPED_SINCE ? sizeof rules.files : sizeof rules;
    ruleset = (int)syscall(CREATE_RULESET, &rules, size, 0);
    if (ruleset < 0) die("landlock");
    fcntl(ruleset, F_SETFD, FD_CLOEXEC);
}

void let(const char *path, uint64_t rights) {
    if (!version) return;
    struct stat info;
    int fd = open(path, O_PATH | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &info)) die(path);
    if (!S_ISDIR(info.st_mode)) rights &= RIGHTS_OF_FILES;
    struct beneath rule = {rights & handled, fd};
    if (syscall(ADD_RULE, ruleset, PATH_BENEATH, &rule, 0)) die(path);
    close(fd);
}

void close_walls(void) {
    if (version && syscall(RESTRICT_SELF, ruleset, 0)) die("landlock");
}

void load_filter(struct sock_filter *code, size_t count) {
    struct sock_fprog program = {(unsigned short)count, code};
    if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program)) die("seccomp");
}

/* With the user id that the engine has, a program could signal it. Landlock forbids that since Linux 6.12;
 * before, no filter can tell a program's children from others: it may signal itself and its group. */
void forbid_signals_to_others(void) {
    if (version >= SCOPED_SINCE) return;
    enum { DENIED = SECCOMP_RET_ERRNO | EPERM };
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_rt_sigqueueinfo, 9, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_rt_tgsigqueueinfo, 8, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 424 /* pidfd_send_signal */, 7, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_kill, 3, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_tgkill, 2, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_tkill, 1, 0),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)getpid(), 2, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0, 1, 0),
        BPF_STMT(BPF_RET | BPF_K, DENIED),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    load_filter(code, sizeof code / sizeof *code);
}
