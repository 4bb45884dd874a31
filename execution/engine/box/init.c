/* box init: starting, watching and ending one run. See box.h. */
#include "box.h"

#include <poll.h>
#include <sys/prctl.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>

enum { POLL_US = 25000, LEAST_POLL_US = 1000 };

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
    if (fd >= 0) { /* the OOM killer shall take the program before us; it may undo this */
        if (write(fd, "1000", 4) != 4) die("oom_score_adj");
        close(fd);
    }
    if (reach->confine) reach->confine();
    prctl(PR_SET_DUMPABLE, 1); /* again: whoever changes its user hides what it maps */
    /* Everything that we were given is close-on-exec anyway: this is the second lock, and kernels
     * before 5.11 do not have it. */
    syscall(SYS_close_range, 3U, ~0U, 4U /* CLOSE_RANGE_CLOEXEC */);
    if (write(told.status_fd, STARTED, sizeof STARTED - 1) != sizeof STARTED - 1) die("status");
    execv(command[0], command);
    int error = errno;
    if (write(error_fd, &error, sizeof error) < 0) _exit(126);
    _exit(127);
}

static int is_asked_to_end(void) {
    struct pollfd asked = {told.end_fd, 0, 0};
    return told.end_fd >= 0 && poll(&asked, 1, 0) == 1;
}

/* The first limit that is broken, or NULL. */
static const char *broken_limit(int64_t wall_us, struct usage usage) {
    if (is_blind) return "blind";
    if (is_asked_to_end()) return "stopped";
    if (told.cpu_us && usage.cpu_us > told.cpu_us) return "cpu";
    if (told.wall_us && wall_us > told.wall_us) return "wall";
    if (told.rss_kib && usage.rss_kib > told.rss_kib) return "memory";
    return told.inodes ? reach->overfull() : NULL;
}

/* Returns the signal that ended the pause, or -1. */
static int wait_for_child(const sigset_t *awaited, int64_t wall_us, int64_t cpu_us) {
    int64_t pause = POLL_US;
    if (told.wall_us && told.wall_us - wall_us < pause) pause = told.wall_us - wall_us;
    if (told.cpu_us && told.cpu_us - cpu_us < pause) pause = told.cpu_us - cpu_us;
    if (pause < LEAST_POLL_US) pause = LEAST_POLL_US;
    struct timespec t = {0, (long)pause * 1000};
    return sigtimedwait(awaited, NULL, &t);
}

static void kill_everybody(void) {
    for (int i = 0; i < 2000; i++) {
        reach->kill_members();
        pid_t pid;
        while ((pid = waitpid(-1, NULL, WNOHANG)) > 0) continue;
        if (pid < 0 && errno == ECHILD) return;
        usleep(i < 10 ? 200 : 2000);
    }
}

/* Bytes copied, or -1 when there is no such regular file, or directory, within the limit. */
static int64_t copy_output(void) {
    if (told.output_fd < 0 || !told.output_path || !*told.output_path) return -1;
    char *last = told.output_path + strlen(told.output_path) - 1;
    if (*last == '/') {
        *last = 0; /* with it, a link would be followed */
        return pack(told.output_path, told.output_fd, told.output_bytes);
    }
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

/* The kernel forgot whom we die with when we dropped rights; and who should have died with the engine
 * may have asked for it too late. Then nobody is left to read our report. */
void end_with_engine(int signal_number) {
    struct pollfd reader = {told.status_fd, 0, 0};
    if (prctl(PR_SET_PDEATHSIG, signal_number)) die("prctl");
    if (poll(&reader, 1, 0) == 1 && reader.revents & POLLERR) _exit(120);
}

void bring_tree(void) {
    if (told.tree_fd < 0) return;
    unpack(told.tree_fd);
    close(told.tree_fd);
}

int supervise(char **command) {
    int error_pipe[2];
    if (pipe2(error_pipe, O_CLOEXEC)) die("pipe");
    sigset_t awaited;
    sigemptyset(&awaited);
    sigaddset(&awaited, SIGCHLD);
    if (reach->end_signal) sigaddset(&awaited, reach->end_signal);
    sigprocmask(SIG_BLOCK, &awaited, NULL);

    int64_t cpu_before = told.cpu_fd >= 0 ? cgroup_cpu_us() : 0;
    int64_t started = now_us();
    pid_t program = fork();
    if (program < 0) die("fork");
    if (program == 0) start_program(command, error_pipe[1]);
    close(error_pipe[1]);
    learn_shared_device(2);
    close(0);
    int exec_errno = 0;
    if (read(error_pipe[0], &exec_errno, sizeof exec_errno) != sizeof exec_errno) exec_errno = 0;

    const char *killed = NULL;
    struct usage usage = {0, 0}, peak = {0, 0};
    int64_t looked_at = 0;
    int status = 0;
    for (;;) {
        pid_t pid;
        while ((pid = waitpid(-1, &status, WNOHANG)) > 0 && pid != program) continue;
        if (pid == program) break;
        if (now_us() - looked_at >= LEAST_POLL_US) { /* the program can wake us as often as it likes */
            looked_at = now_us();
            usage = used_since(cpu_before);
            keep_peaks(&peak, usage);
            if (!killed) killed = broken_limit(now_us() - started, usage);
        }
        if (killed) reach->kill_members();
        int woken_by = wait_for_child(&awaited, now_us() - started, usage.cpu_us);
        if (!killed && woken_by == reach->end_signal) killed = "wall";
    }
    int64_t ended = now_us(), wall_us = ended - started;

    keep_peaks(&peak, used_since(cpu_before)); /* what was left behind, before it is killed */
    kill_everybody();
    struct rusage reaped;
    int64_t final_us = reaped_cpu_us(&reaped);
    if (told.cpu_fd >= 0) final_us = cgroup_cpu_us() - cpu_before;
    keep_peaks(&peak, (struct usage){final_us, reaped.ru_maxrss});
    if (is_blind) killed = "blind";
    if (reach->lay_down_rights) reach->lay_down_rights();
    int64_t copied = copy_output();
    dprintf(told.status_fd,
            "{\"exit\":%d,\"signal\":%d,\"exec_errno\":%d,\"killed\":\"%s\",\"cpu_us\":%lld,"
            "\"wall_us\":%lld,\"ended_us\":%lld,\"peak_kib\":%ld,\"copied\":%lld}\n",
            WIFEXITED(status) ? WEXITSTATUS(status) : 0, WIFSIGNALED(status) ? WTERMSIG(status) : 0,
            exec_errno, killed ? killed : "", (long long)peak.cpu_us, (long long)wall_us, (long long)ended,
            peak.rss_kib, (long long)copied);
    return 0;
}

/* ---- PID 1 */

static void kill_all_of_the_namespace(void) {
    if (getpid() == 1) kill(-1, SIGKILL);
}

static const char *overfull_namespace(void) {
    return inodes_used() > told.inodes ? "inodes" : NULL;
}

static void forget_root(void) {
    uid_t uid = (uid_t)told.uid;
    if (told.uid >= 0 && setresuid(uid, uid, uid)) die("setresuid");
}

static const struct reach whole_namespace = {
    .members = everybody,
    .kill_members = kill_all_of_the_namespace,
    .confine = forget_root,
    .overfull = overfull_namespace,
};

const struct reach *reach = &whole_namespace;

int init(int argc, char **argv) {
    read_init_options(argc, argv);
    char **command = take_command(argc, argv);
    drop_rights(told.uid);
    end_with_engine(SIGKILL);
    prctl(PR_SET_DUMPABLE, 0);
    proc_fd = open("/proc", O_PATH | O_CLOEXEC);
    if (proc_fd < 0) die("/proc");
    bring_tree();
    return supervise(command);
}
