/* box init: starting, watching and ending one run. See box.h. */
#include "box.h"

#include <sys/prctl.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>

enum { POLL_US = 25000 };

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

int init(int argc, char **argv) {
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
