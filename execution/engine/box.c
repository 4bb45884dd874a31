/* box: what stands directly before and directly inside a sandbox, as one small static binary.
 *
 *     engine -> box outer -> bwrap --as-pid-1 -> box init -> the program
 *
 * box outer [-j FILE]... [-G DIRECTORY] [-u UID] -- COMMAND...
 *     Joins cgroups, forbids core dumps, drops to UID and becomes COMMAND.
 *       -j  a cgroup v1 "tasks" file: "0" is written to it. ("tasks" moves this one thread; writing
 *           to "cgroup.procs" instead waits several milliseconds for an RCU grace period.)
 *       -G  a cgroup v2 directory: COMMAND is born in it (CLONE_INTO_CGROUP, which does not wait
 *           either), and box outer stays as its parent, dies with the engine, and takes it along.
 *
 * box init -s FD [options] -- PROGRAM...
 *     PID 1 of the sandbox: starts PROGRAM under its limits, watches, kills, and writes two lines to
 *     FD: "started" before PROGRAM may do anything, and its report, in JSON, once nothing else is
 *     alive. It cleans up with kill(-1), so it refuses to run anywhere but as PID 1 of a pid namespace.
 *       -g FD      counter of the cgroup's CPU time (cpuacct.usage or cpu.stat); without it the
 *                  time and memory of the processes are summed from /proc
 *       -t, -w MS  CPU and wall time after which everything is killed (0: never)
 *       -m KIB     resident memory, summed over the processes, after which everything is killed
 *       -i COUNT   inodes on the writable file systems after which everything is killed
 *       -l RES=N   resource limit of PROGRAM, -l RES=SOFT:HARD likewise
 *       -o FD -f PATH -b BYTES   copy the regular file PATH, if not larger than BYTES, to FD at the end
 *
 * Exit codes: 120 misuse or a failed system call (a line on stderr), 121 not PID 1.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { POLL_US = 25000, MAX_LIMITS = 16, MAX_JOINS = 8, MAX_SEEN = 512 };

static void die(const char *what) {
    dprintf(2, "box: %s: %s\n", what, strerror(errno));
    _exit(120);
}

/* The number that is all of TEXT up to STOP or its end. */
static int64_t number_before(char stop, const char *text) {
    char *end;
    errno = 0;
    long long value = strtoll(text, &end, 10);
    if (errno || end == text || (*end && *end != stop) || value < 0) {
        errno = EINVAL;
        die(text);
    }
    return value;
}

static int64_t number(const char *text) {
    return number_before(0, text);
}

static char *copy_of(const char *text) {
    char *copy = strdup(text);
    if (!copy) die("strdup");
    return copy;
}

/* ---- box outer -------------------------------------------------------------------------- */

static void write_zero(const char *path) {
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0 || write(fd, "0", 1) != 1) die(path);
    close(fd);
}

static void drop_to(int64_t uid) {
    if (uid < 0) return;
    gid_t gid = (gid_t)uid;
    if (setgroups(0, NULL)) die("setgroups");
    if (setresgid(gid, gid, gid)) die("setresgid");
    if (setresuid((uid_t)uid, (uid_t)uid, (uid_t)uid)) die("setresuid");
}

/* No core dumps of anything in the sandbox. Not 0: where core_pattern names a program of the host's,
 * the kernel starts it whatever the limit is (core(5)), unless that is 1 (do_coredump() in
 * fs/coredump.c); and a core file needs a page at least. The seccomp filter keeps it from being changed. */
static void forbid_core_dumps(void) {
    struct rlimit one = {1, 1}, none = {0, 0}; /* none: 1 is more than some start us with */
    if (setrlimit(RLIMIT_CORE, &one) && setrlimit(RLIMIT_CORE, &none)) die("setrlimit");
}

static void die_with(pid_t parent) {
    if (prctl(PR_SET_PDEATHSIG, SIGKILL)) die("prctl");
    if (getppid() != parent) _exit(120); /* it was gone before we asked */
}

static void become(char **command) {
    execv(command[0], command);
    die(command[0]);
}

/* Returns in the child only; the parent waits for it and ends as it ended. */
static void continue_in_cgroup(const char *directory, int64_t uid) {
    pid_t engine = getppid();
    int fd = open(directory, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) die(directory);
    struct clone_args args;
    memset(&args, 0, sizeof args);
    args.flags = CLONE_INTO_CGROUP;
    args.exit_signal = SIGCHLD;
    args.cgroup = (uint64_t)fd;
    pid_t outer = getpid();
    pid_t child = (pid_t)syscall(SYS_clone3, &args, sizeof args);
    int joined = child >= 0;
    if (!joined) child = fork(); /* before Linux 5.7, or clone3 filtered by a container runtime */
    if (child < 0) die("fork");
    if (child == 0) {
        if (!joined) {
            char path[4096];
            snprintf(path, sizeof path, "%s/cgroup.procs", directory);
            write_zero(path);
        }
        close(fd);
        drop_to(uid);
        die_with(outer);
        return;
    }
    drop_to(uid);
    die_with(engine);
    int status;
    while (waitpid(child, &status, 0) < 0)
        if (errno != EINTR) die("waitpid");
    _exit(WIFEXITED(status) ? WEXITSTATUS(status) : 120);
}

static int outer(int argc, char **argv) {
    const char *joins[MAX_JOINS], *directory = NULL;
    int option, count = 0;
    int64_t uid = -1;
    while ((option = getopt(argc, argv, "+j:G:u:")) != -1) switch (option) {
        case 'j':
            if (count == MAX_JOINS) return 120;
            joins[count++] = optarg;
            break;
        case 'G': directory = optarg; break;
        case 'u': uid = number(optarg); break;
        default: return 120;
        }
    if (!argv[optind]) return 120;
    forbid_core_dumps();
    for (int i = 0; i < count; i++) write_zero(joins[i]);
    if (directory)
        continue_in_cgroup(directory, uid);
    else
        drop_to(uid);
    become(argv + optind);
    return 120;
}

/* ---- box init: what it was told ---------------------------------------------------------- */

struct limit {
    int resource;
    struct rlimit value;
};

static struct {
    int status_fd, cpu_fd, output_fd;
    int64_t cpu_us, wall_us, output_bytes, rss_kib, inodes;
    char *output_path;
    struct limit limits[MAX_LIMITS];
    int limit_count;
} told = {.status_fd = -1, .cpu_fd = -1, .output_fd = -1};

static int resource_named(const char *name, size_t length) {
    static const struct {
        const char *name;
        int resource;
    } known[] = {{"cpu", RLIMIT_CPU},       {"data", RLIMIT_DATA},     {"stack", RLIMIT_STACK},
                 {"nproc", RLIMIT_NPROC},   {"fsize", RLIMIT_FSIZE},   {"nofile", RLIMIT_NOFILE},
                 {"memlock", RLIMIT_MEMLOCK}, {"msgqueue", RLIMIT_MSGQUEUE}};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (strlen(known[i].name) == length && !strncmp(known[i].name, name, length))
            return known[i].resource;
    return -1;
}

static void add_limit(const char *text) {
    const char *value = strchr(text, '=');
    if (!value || told.limit_count == MAX_LIMITS) _exit(120);
    struct limit *limit = &told.limits[told.limit_count++];
    limit->resource = resource_named(text, (size_t)(value - text));
    if (limit->resource < 0) _exit(120);
    const char *hard = strchr(value, ':');
    limit->value.rlim_cur = (rlim_t)number_before(':', value + 1);
    limit->value.rlim_max = hard ? (rlim_t)number(hard + 1) : limit->value.rlim_cur;
}

static void read_init_options(int argc, char **argv) {
    int option;
    while ((option = getopt(argc, argv, "+s:g:t:w:m:i:l:o:f:b:")) != -1) switch (option) {
        case 's': told.status_fd = (int)number(optarg); break;
        case 'g': told.cpu_fd = (int)number(optarg); break;
        case 't': told.cpu_us = number(optarg) * 1000; break;
        case 'w': told.wall_us = number(optarg) * 1000; break;
        case 'm': told.rss_kib = number(optarg); break;
        case 'i': told.inodes = number(optarg); break;
        case 'l': add_limit(optarg); break;
        case 'o': told.output_fd = (int)number(optarg); break;
        case 'f': told.output_path = copy_of(optarg); break;
        case 'b': told.output_bytes = number(optarg); break;
        default: _exit(120);
        }
    if (told.status_fd < 0 || !argv[optind]) _exit(120);
    fcntl(told.status_fd, F_SETFD, FD_CLOEXEC);
    if (told.cpu_fd >= 0) fcntl(told.cpu_fd, F_SETFD, FD_CLOEXEC);
    if (told.output_fd >= 0) fcntl(told.output_fd, F_SETFD, FD_CLOEXEC);
}

/* /proc/1/cmdline can be read by the program: keep a copy of its command line, blank the rest. */
static char **take_command(int argc, char **argv) {
    int count = argc - optind;
    char **command = calloc((size_t)count + 1, sizeof *command);
    if (!command) die("calloc");
    for (int i = 0; i < count; i++) command[i] = copy_of(argv[optind + i]);
    for (int i = 1; i < argc; i++) memset(argv[i], 0, strlen(argv[i]));
    return command;
}

/* ---- box init: measuring ----------------------------------------------------------------- */

static int proc_fd = -1;
static int is_blind; /* a measurement failed: the limits do not hold any more */

static int64_t now_us(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static int64_t cgroup_cpu_us(void) {
    char text[512];
    ssize_t length = pread(told.cpu_fd, text, sizeof text - 1, 0);
    if (length <= 0) {
        is_blind = 1;
        return 0;
    }
    text[length] = 0;
    const char *v2 = strstr(text, "usage_usec ");
    return v2 ? atoll(v2 + 11) : atoll(text) / 1000;
}

static int64_t reaped_cpu_us(struct rusage *usage) {
    getrusage(RUSAGE_CHILDREN, usage);
    return ((int64_t)usage->ru_utime.tv_sec + usage->ru_stime.tv_sec) * 1000000 +
           usage->ru_utime.tv_usec + usage->ru_stime.tv_usec;
}

static size_t read_proc(int pid, const char *file, char *text, size_t size) {
    char path[64];
    snprintf(path, sizeof path, "%d/%s", pid, file);
    int fd = openat(proc_fd, path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return 0;
    ssize_t length = read(fd, text, size - 1);
    close(fd);
    text[length > 0 ? length : 0] = 0;
    return length > 0 ? (size_t)length : 0;
}

static int64_t own_cpu_us(int pid) {
    clockid_t clock;
    struct timespec t;
    if (clock_getcpuclockid(pid, &clock) || clock_gettime(clock, &t)) return 0;
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

/* CPU time of the children PID waited for, in microseconds; its resident pages are added to *rss. */
static int64_t children_cpu_us(int pid, long *rss_pages) {
    char text[1024];
    unsigned long user = 0, system = 0;
    long pages = 0;
    if (!read_proc(pid, "stat", text, sizeof text)) return 0;
    const char *rest = strrchr(text, ')'); /* the name before it is the program's choice */
    if (!rest || sscanf(rest + 1,
                        " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %lu %lu"
                        " %*d %*d %*d %*d %*u %*u %ld",
                        &user, &system, &pages) != 3)
        return 0;
    *rss_pages += pages;
    return (int64_t)(user + system) * 1000000 / sysconf(_SC_CLK_TCK);
}

static long proportional_kib(int pid) {
    char text[2048];
    if (!read_proc(pid, "smaps_rollup", text, sizeof text)) return 0;
    const char *line = strstr(text, "\nPss:");
    return line ? atol(line + 5) : 0;
}

/* The last CPU time seen of every process ever seen: catches children that nobody waits for. */
static struct {
    int pid;
    int64_t cpu_us;
} seen[MAX_SEEN];
static int seen_count;
static int64_t forgotten_us;

static void remember(int pid, int64_t cpu_us) {
    int i = 0;
    while (i < seen_count && seen[i].pid != pid) i++;
    if (i == MAX_SEEN) {
        for (int k = 0; k < seen_count; k++) forgotten_us += seen[k].cpu_us;
        seen_count = i = 0;
    }
    if (i == seen_count) {
        seen[seen_count].pid = pid;
        seen[seen_count++].cpu_us = 0;
    }
    if (cpu_us < seen[i].cpu_us) forgotten_us += seen[i].cpu_us; /* the pid was used again */
    seen[i].cpu_us = cpu_us;
}

struct usage {
    int64_t cpu_us;
    long rss_kib;
};

/* CPU time and resident memory of everything in the sandbox but us, without a cgroup. A process that
 * cannot be read is gone; that the processes cannot be listed must never happen. */
static struct usage sum_processes(void) {
    struct usage sum = {0, 0};
    int pids[MAX_SEEN], count = 0;
    long pages = 0;
    int fd = openat(proc_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *directory = fd < 0 ? NULL : fdopendir(fd);
    if (!directory) {
        is_blind = 1;
        return sum;
    }
    for (struct dirent *entry; (entry = readdir(directory));) {
        int pid = atoi(entry->d_name);
        if (pid <= 1) continue;
        if (count < MAX_SEEN) pids[count++] = pid;
        int64_t own = own_cpu_us(pid);
        sum.cpu_us += own + children_cpu_us(pid, &pages);
        remember(pid, own);
    }
    closedir(directory);
    struct rusage usage;
    sum.cpu_us += reaped_cpu_us(&usage);
    int64_t ever = forgotten_us;
    for (int i = 0; i < seen_count; i++) ever += seen[i].cpu_us;
    if (ever > sum.cpu_us) sum.cpu_us = ever;
    sum.rss_kib = pages * (sysconf(_SC_PAGESIZE) / 1024);
    if (told.rss_kib && sum.rss_kib > told.rss_kib) { /* shared pages were counted several times */
        sum.rss_kib = 0;
        for (int i = 0; i < count; i++) sum.rss_kib += proportional_kib(pids[i]);
    }
    return sum;
}

static long inodes_used(void) {
    static const char *const writable[] = {"/box", "/tmp", "/dev/shm"};
    long used = 0;
    struct statvfs fs;
    for (int i = 0; i < 3; i++)
        if (!statvfs(writable[i], &fs) && fs.f_files) used += (long)(fs.f_files - fs.f_ffree);
    return used;
}

/* ---- box init: running ------------------------------------------------------------------- */

static const char STARTED[] = "started\n";

static void start_program(char **command, int error_fd) {
    for (int i = 1; i < 65; i++) signal(i, SIG_DFL);
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    setsid();
    for (int i = 0; i < told.limit_count; i++)
        if (setrlimit((__rlimit_resource_t)told.limits[i].resource, &told.limits[i].value))
            die("setrlimit");
    prctl(PR_SET_DUMPABLE, 1);
    int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
    if (fd >= 0) { /* the OOM killer shall take the program, never us and our report */
        if (write(fd, "1000", 4) != 4) die("oom_score_adj");
        close(fd);
    }
    /* Everything that we were given is close-on-exec anyway: this is the second lock, and kernels
     * before 5.11 do not have it. */
    syscall(SYS_close_range, 3U, ~0U, 4U /* CLOSE_RANGE_CLOEXEC */);
    if (write(told.status_fd, STARTED, sizeof STARTED - 1) != sizeof STARTED - 1) die("status");
    execv(command[0], command);
    int error = errno;
    if (write(error_fd, &error, sizeof error) < 0) _exit(126);
    _exit(127);
}

/* The first limit that is broken, or NULL. */
static const char *broken_limit(int64_t wall_us, struct usage usage) {
    if (is_blind) return "blind";
    if (told.cpu_us && usage.cpu_us > told.cpu_us) return "cpu";
    if (told.wall_us && wall_us > told.wall_us) return "wall";
    if (told.rss_kib && usage.rss_kib > told.rss_kib) return "memory";
    if (told.inodes && inodes_used() > told.inodes) return "inodes";
    return NULL;
}

static void wait_for_child(const sigset_t *child, int64_t wall_us, int64_t cpu_us) {
    int64_t pause = POLL_US;
    if (told.wall_us && told.wall_us - wall_us < pause) pause = told.wall_us - wall_us;
    if (told.cpu_us && told.cpu_us - cpu_us < pause) pause = told.cpu_us - cpu_us;
    if (pause < 1000) pause = 1000;
    struct timespec t = {0, (long)pause * 1000};
    sigtimedwait(child, NULL, &t);
}

static void kill_everybody(void) {
    for (int i = 0; i < 2000; i++) {
        kill(-1, SIGKILL);
        pid_t pid;
        while ((pid = waitpid(-1, NULL, WNOHANG)) > 0) continue;
        if (pid < 0 && errno == ECHILD) return;
        usleep(i < 10 ? 200 : 2000);
    }
}

/* Bytes copied, or -1 when there is no such regular file within the limit. */
static int64_t copy_output(void) {
    if (told.output_fd < 0 || !told.output_path) return -1;
    int fd = open(told.output_path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    struct stat info;
    if (fd < 0 || fstat(fd, &info) || !S_ISREG(info.st_mode) || info.st_size > told.output_bytes)
        return -1;
    int64_t copied = 0;
    while (copied < info.st_size) {
        ssize_t n = sendfile(told.output_fd, fd, NULL, (size_t)(info.st_size - copied));
        if (n <= 0) return -1;
        copied += n;
    }
    return copied;
}

static int init(int argc, char **argv) {
    read_init_options(argc, argv);
    char **command = take_command(argc, argv);
    prctl(PR_SET_DUMPABLE, 0);
    proc_fd = open("/proc", O_PATH | O_CLOEXEC);
    if (proc_fd < 0) die("/proc");
    int error_pipe[2];
    if (pipe2(error_pipe, O_CLOEXEC)) die("pipe");
    sigset_t child_signal;
    sigemptyset(&child_signal);
    sigaddset(&child_signal, SIGCHLD);
    sigprocmask(SIG_BLOCK, &child_signal, NULL);

    int64_t cpu_before = told.cpu_fd >= 0 ? cgroup_cpu_us() : 0;
    int64_t started = now_us();
    pid_t program = fork();
    if (program < 0) die("fork");
    if (program == 0) start_program(command, error_pipe[1]);
    close(error_pipe[1]);
    close(0);
    int exec_errno = 0;
    if (read(error_pipe[0], &exec_errno, sizeof exec_errno) != sizeof exec_errno) exec_errno = 0;

    const char *killed = NULL;
    struct usage usage = {0, 0};
    int64_t cpu_us = 0;
    long peak_kib = 0;
    int status = 0;
    for (;;) {
        pid_t pid;
        while ((pid = waitpid(-1, &status, WNOHANG)) > 0 && pid != program) continue;
        if (pid == program) break;
        if (told.cpu_fd >= 0)
            usage.cpu_us = cgroup_cpu_us() - cpu_before;
        else
            usage = sum_processes();
        if (usage.cpu_us > cpu_us) cpu_us = usage.cpu_us;
        if (usage.rss_kib > peak_kib) peak_kib = usage.rss_kib;
        if (!killed) killed = broken_limit(now_us() - started, usage);
        if (killed) kill(-1, SIGKILL);
        wait_for_child(&child_signal, now_us() - started, usage.cpu_us);
    }
    int64_t wall_us = now_us() - started;

    if (told.cpu_fd < 0) usage = sum_processes(); /* what was left behind, before it is killed */
    if (told.cpu_fd < 0 && usage.cpu_us > cpu_us) cpu_us = usage.cpu_us;
    kill_everybody();
    struct rusage reaped;
    int64_t final_us = reaped_cpu_us(&reaped);
    if (told.cpu_fd >= 0) final_us = cgroup_cpu_us() - cpu_before;
    if (final_us > cpu_us) cpu_us = final_us;
    if (reaped.ru_maxrss > peak_kib) peak_kib = reaped.ru_maxrss;
    if (is_blind) killed = "blind";
    int64_t copied = copy_output();
    dprintf(told.status_fd,
            "{\"exit\":%d,\"signal\":%d,\"exec_errno\":%d,\"killed\":\"%s\",\"cpu_us\":%lld,"
            "\"wall_us\":%lld,\"peak_kib\":%ld,\"copied\":%lld}\n",
            WIFEXITED(status) ? WEXITSTATUS(status) : 0, WIFSIGNALED(status) ? WTERMSIG(status) : 0,
            exec_errno, killed ? killed : "", (long long)cpu_us, (long long)wall_us, peak_kib,
            (long long)copied);
    return 0;
}

int main(int argc, char **argv) {
    int is_init = argc > 1 && !strcmp(argv[1], "init");
    if (is_init && getpid() != 1) {
        dprintf(2, "box init: refused: not PID 1 of a pid namespace\n");
        return 121;
    }
    if (argc < 2) return 120;
    optind = 2;
    if (is_init) return init(argc, argv);
    return strcmp(argv[1], "outer") ? 120 : outer(argc, argv);
}
