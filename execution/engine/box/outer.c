/* box outer: into the cgroup, out of root, on to bubblewrap. See box.h. */
#include "box.h"

#include <linux/sched.h>
#include <sched.h>
#include <sys/syscall.h>
#include <sys/wait.h>

enum { MAX_JOINS = 8 };

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

int outer(int argc, char **argv) {
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
