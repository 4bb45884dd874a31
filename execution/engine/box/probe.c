/* box probe: what a hostile program would try first, from inside a sandbox, at the engine's start. See box.h.
 *
 * Everything is tried in a way that does no harm where it succeeds. */
#include "box.h"

#include <linux/capability.h>
#include <netinet/in.h>
#include <sched.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>

enum { MIB = 1 << 20 };

/* What the engine told: a file of its own, under whose name it listens as well, a port, its
 * process and that one's pid namespace; the limits. */
static const char *bait;
static long port, engine, engine_namespace, most_processes, most_memory_mib, most_file_bytes, most_scratch_bytes;

/* A line for the engine: SUBJECT, whether the walls hold, and the kernel's words or what got through. */
static void tell(const char *subject, int holds, const char *seen) {
    printf("%s\t%d\t%s\n", subject, holds, seen);
    fflush(stdout);
}

static void tell_refusal(const char *subject, int refused, const char *what_else) {
    tell(subject, refused, refused ? strerror(errno) : what_else);
}

static int opens(const char *path, int flags) {
    int fd = open(path, flags | O_NONBLOCK | O_CLOEXEC, 0600);
    if (fd >= 0) close(fd);
    return fd >= 0;
}

static void read_files(void) {
    tell_refusal("files", !opens(bait, O_RDONLY), "reads a file of the engine's");
}

static void write_elsewhere(void) {
    static const char *const places[] = {"/",    "/usr",     "/usr/bin", "/usr/lib",
                                         "/etc", "/var/tmp", "/run",     "/dev"};
    char path[64];
    if (opens(bait, O_WRONLY)) return tell("writing", 0, "writes to a file of the engine's");
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        snprintf(path, sizeof path, "%s/probe-%ld", places[i], engine);
        if (!opens(path, O_WRONLY | O_CREAT | O_EXCL)) continue;
        unlink(path);
        return tell("writing", 0, places[i]);
    }
    opens("/usr/probe", O_WRONLY | O_CREAT | O_EXCL);
    tell("writing", 1, strerror(errno));
}

/* Where they differ, a number here and the same number there are two processes. */
static int is_in_engines_pid_namespace(void) {
    struct stat own;
    return stat("/proc/self/ns/pid", &own) || (long)own.st_ino == engine_namespace;
}

/* As who looks at it is called in the namespace that it shows. */
static int is_proc_of_own_namespace(void) {
    char text[16] = "";
    return readlink("/proc/self", text, sizeof text - 1) > 0 && atoi(text) == getpid();
}

static void reach_others(void) {
    char path[64];
    if (!is_in_engines_pid_namespace()) {
        int holds = is_proc_of_own_namespace();
        return tell("processes", holds, holds ? "none in sight" : "sees others in /proc");
    }
    snprintf(path, sizeof path, "/proc/%ld/cmdline", engine);
    if (opens(path, O_RDONLY)) return tell("processes", 0, "sees the engine in /proc");
    tell_refusal("processes", kill((pid_t)engine, 0) != 0, "may signal the engine");
}

static void reach_network(void) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    struct sockaddr_un nameless = {.sun_family = AF_UNIX};
    strncpy(nameless.sun_path + 1, bait, sizeof nameless.sun_path - 2);
    size_t length = offsetof(struct sockaddr_un, sun_path) + 1 + strlen(nameless.sun_path + 1);
    int local = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (local >= 0 && !connect(local, (struct sockaddr *)&nameless, (socklen_t)length))
        return tell("network", 0, "connects to a unix socket of the engine's");
    int remote = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int refused = remote < 0 || connect(remote, (struct sockaddr *)&address, sizeof address);
    tell_refusal("network", refused, "connects to the engine");
}

static void gain_rights(void) {
    struct __user_cap_header_struct own = {_LINUX_CAPABILITY_VERSION_3, 0};
    struct __user_cap_data_struct sets[2] = {{~0U, ~0U, ~0U}, {~0U, ~0U, ~0U}};
    syscall(SYS_capget, &own, sets);
    if (sets[0].permitted | sets[0].inheritable | sets[1].permitted | sets[1].inheritable)
        return tell("rights", 0, "has capabilities");
    if (prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1)
        return tell("rights", 0, "may gain rights by running files");
    tell_refusal("rights", syscall(SYS_setresuid, 0, 0, 0) != 0, "becomes root");
}

static void make_namespaces(void) {
    pid_t child = (pid_t)syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, 0, 0, 0, 0);
    if (child == 0) _exit(0);
    tell_refusal("namespaces", child < 0, "makes a user namespace");
}

static void trace_others(void) {
    pid_t child = fork();
    if (child == 0) pause();
    int refused = child < 0 || ptrace(PTRACE_SEIZE, child, 0, 0) != 0;
    tell_refusal("tracing", refused, "reads and writes its child's memory");
    if (child > 0) kill(child, SIGKILL);
}

static void write_much(void) {
    signal(SIGXFSZ, SIG_IGN);
    int fd = open("probe-file", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    int refused = fd < 0 || pwrite(fd, "x", 1, most_file_bytes + MIB) < 0;
    tell_refusal("file size", refused, "writes beyond the limit");
    close(fd);
    unlink("probe-file");
    struct statvfs scratch;
    char text[64];
    uint64_t size = statvfs(".", &scratch) ? UINT64_MAX : (uint64_t)scratch.f_blocks * scratch.f_frsize;
    int is_bounded = size <= (uint64_t)most_scratch_bytes;
    snprintf(text, sizeof text, is_bounded ? "%ld KiB" : "no size", most_scratch_bytes / 1024);
    tell("disk", is_bounded, text);
}

static void make_processes(void) {
    long made = 0;
    pid_t child = 1;
    while (made < 4 * most_processes && (child = fork()) > 0) made++;
    if (child == 0) {
        pause();
        _exit(0);
    }
    char text[64];
    snprintf(text, sizeof text, "%ld of %ld", made, most_processes);
    tell("number", made <= most_processes, text);
}

/* The last of all: some walls kill everybody for it. */
static void take_memory(void) {
    size_t size = (size_t)most_memory_mib * 2 * MIB;
    char *block = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (block == MAP_FAILED) return tell("memory", 1, strerror(errno));
    memset(block, 1, size);
    usleep(200000); /* time enough to be noticed */
    tell("memory", 0, "takes twice the limit");
}

/* Instead of all that: leaves a daemon named NAME behind, and works without an end. */
static void overstay(const char *name) {
    if (fork() == 0) {
        setsid();
        for (int i = 1; i < 65; i++) signal(i, SIG_IGN);
        prctl(PR_SET_NAME, name);
        for (;;) pause();
    }
    for (volatile long i = 0;; i++) continue;
}

int probe(int argc, char **argv) {
    if (argc == 3) overstay(argv[2]);
    if (argc != 10) return 120;
    bait = argv[2];
    port = number(argv[3]);
    engine = number(argv[4]);
    engine_namespace = number(argv[5]);
    most_processes = number(argv[6]);
    most_memory_mib = number(argv[7]);
    most_file_bytes = number(argv[8]);
    most_scratch_bytes = number(argv[9]);
    read_files();
    write_elsewhere();
    reach_others();
    reach_network();
    gain_rights();
    make_namespaces();
    trace_others();
    write_much();
    make_processes();
    take_memory();
    return 0;
}
