/* box reduced: init's work where no namespace can be made. See box.h.
 *
 * It is not PID 1 of anything, so it never kills but pid by pid what descends from it (kin.c). As root it
 * stays root, and the program does not; what it does with the program's files it does with the program's
 * rights, before and after. */
#include "box.h"

#include <grp.h>
#include <linux/filter.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/wait.h>

enum { MAX_INSTRUCTIONS = 4096, MAX_SHARED = 8 };

static int own_directory = -1, filter_fd = -1;
static int64_t max_bytes;
static const char *shared[MAX_SHARED + 1];

/* ---- What it is told */

static char *cut_at_equals(char *text) {
    char *value = strchr(text, '=');
    if (!value) _exit(120);
    *value = 0;
    return value + 1;
}

/* Parents are made as well. */
static void make_parents(char *path) {
    for (char *slash = path; (slash = strchr(slash + 1, '/'));) {
        *slash = 0;
        if (mkdir(path, 0755) && errno != EEXIST) die(path);
        *slash = '/';
    }
}

static void put_file(char *descriptor_and_path) {
    char *path = cut_at_equals(descriptor_and_path);
    int from = (int)number(descriptor_and_path);
    make_parents(path);
    int to = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0444);
    if (to < 0) die(path);
    for (ssize_t n = 1; n > 0;)
        if ((n = sendfile(to, from, NULL, 1 << 30)) < 0) die(path);
    close(to);
    close(from);
}

static void put_link(char *target) {
    char *path = cut_at_equals(target);
    struct stat info;
    if (stat(target, &info)) die(target);
    make_parents(path);
    if (symlink(target, path)) die(path);
    let(target, LANDLOCK_EXECUTE | LANDLOCK_READ | LANDLOCK_LIST);
}

static void enter(const char *directory) {
    own_directory = open(directory, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (own_directory < 0 || fchdir(own_directory)) die(directory);
    let(".", LANDLOCK_OWN);
}

static void add_shared(const char *place) {
    static int count;
    if (count == MAX_SHARED) _exit(120);
    shared[count++] = place;
}

static void read_walls(int argc, char **argv) {
    int option;
    while ((option = getopt(argc, argv, "+u:a:d:S:q:F:X:R:W:e:k:B:")) != -1) switch (option) {
        case 'u': told.uid = number(optarg); break;
        case 'a': begin_walls((int)number(optarg)); break;
        case 'd': act_as_program(); enter(optarg); break;
        case 'S': add_shared(copy_of(optarg)); break;
        case 'q': max_bytes = number(optarg); break;
        case 'F': filter_fd = (int)number(optarg); break;
        case 'X': let(optarg, LANDLOCK_EXECUTE | LANDLOCK_READ | LANDLOCK_LIST); break;
        case 'R': let(optarg, LANDLOCK_READ | LANDLOCK_LIST); break;
        case 'W': let(optarg, LANDLOCK_READ | LANDLOCK_WRITE); break;
        case 'e': putenv(copy_of(optarg)); break;
        case 'k': put_file(copy_of(optarg)); break;
        case 'B': put_link(copy_of(optarg)); break;
        default: _exit(120);
        }
    if (filter_fd < 0 || own_directory < 0) _exit(120);
    fcntl(filter_fd, F_SETFD, FD_CLOEXEC);
}

/* What is /box/x elsewhere is ./x here. */
static void look_for_output_here(void) {
    if (!told.output_path) return;
    if (!strncmp(told.output_path, "/box/", 5)) {
        told.output_path += 3;
        *told.output_path = '.';
    } else
        told.output_path = NULL;
}

/* ---- The program */

/* /proc whole would show all other processes; what /proc/self/net and /proc/self/task/N/net show is the
 * machine's. */
static void let_it_look_at_itself(void) {
    static const char *const files[] = {"auxv", "cgroup", "cmdline", "comm", "environ", "fd",  "limits",
                                        "maps", "smaps",  "stat",    "statm", "status", NULL};
    char path[64];
    for (int i = 0; files[i]; i++) {
        snprintf(path, sizeof path, "/proc/self/%s", files[i]);
        if (!access(path, F_OK)) let(path, LANDLOCK_READ | LANDLOCK_LIST);
    }
}

static void load_given_filter(void) {
    static struct sock_filter code[MAX_INSTRUCTIONS];
    ssize_t size = pread(filter_fd, code, sizeof code, 0);
    if (size <= 0 || (size_t)size % sizeof *code) die("filter");
    load_filter(code, (size_t)size / sizeof *code);
}

static void confine(void) {
    pid_t supervisor = getppid();
    let_it_look_at_itself();
    empty_bounding_set(); /* where we may not, no_new_privs makes nothing of it */
    drop_to(told.uid);
    drop_capabilities();
    die_with(supervisor);
    prctl(PR_SET_DUMPABLE, 1);
    close_walls();
    if (told.uid < 0) forbid_signals_to_others();
    load_given_filter();
}

static const char *overfull_here(void) {
    return overfull(max_bytes);
}

static void lay_down_rights(void) {
    act_as_program();
    close_walls();
}

static const struct reach among_others = {
    .members = kin,
    .kill_members = kill_kin,
    .confine = confine,
    .overfull = overfull_here,
    .lay_down_rights = lay_down_rights,
    .end_signal = SIGTERM,
};

/* ---- The limit of processes */

static int can_fork_with(rlim_t limit) {
    struct rlimit own, tried;
    if (getrlimit(RLIMIT_NPROC, &own)) die("getrlimit");
    tried = (struct rlimit){limit < own.rlim_max ? limit : own.rlim_max, own.rlim_max};
    if (setrlimit(RLIMIT_NPROC, &tried)) die("setrlimit");
    pid_t child = fork();
    if (child == 0) _exit(0);
    if (child > 0) waitpid(child, NULL, 0);
    setrlimit(RLIMIT_NPROC, &own);
    return child > 0;
}

/* How many processes and threads our user id has, wherever they are: not all of them can be seen from
 * inside a container, so it is tried. */
static rlim_t tasks_of_this_user(void) {
    rlim_t low = 0, high = 32;
    while (!can_fork_with(high) && high < 1 << 22) {
        low = high;
        high *= 2;
    }
    while (high - low > 1) {
        rlim_t middle = (low + high) / 2;
        if (can_fork_with(middle))
            high = middle;
        else
            low = middle;
    }
    return low;
}

/* RLIMIT_NPROC counts all that the user id has, which may be others', and we are not one of the program's. */
static void correct_process_limit(void) {
    rlim_t others = told.uid < 0 ? tasks_of_this_user() : 0;
    struct rlimit own;
    if (getrlimit(RLIMIT_NPROC, &own)) die("getrlimit");
    for (int i = 0; i < told.limit_count; i++) {
        struct rlimit *value = &told.limits[i].value;
        if (told.limits[i].resource != RLIMIT_NPROC) continue;
        rlim_t wanted = value->rlim_cur + others - 1;
        value->rlim_cur = value->rlim_max = wanted < own.rlim_max ? wanted : own.rlim_max;
    }
}

/* ---- The whole of it */

int reduced(int argc, char **argv) {
    clearenv();
    umask(geteuid() ? 077 : 022); /* 077: the filter lets a program of our uid set mode 0700 only */
    signal(SIGPIPE, SIG_IGN);
    proc_fd = open("/proc", O_PATH | O_CLOEXEC);
    if (proc_fd < 0) die("/proc");
    if (geteuid() == 0 && setgroups(0, NULL)) die("setgroups");
    read_walls(argc, argv);
    read_init_options(argc, argv);
    char **command = take_command(argc, argv);
    look_for_output_here();
    bring_tree();
    act_as_oneself();
    end_with_engine(SIGTERM);
    prctl(PR_SET_DUMPABLE, 0);
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)) die("PR_SET_NO_NEW_PRIVS");
    if (prctl(PR_SET_CHILD_SUBREAPER, 1)) die("PR_SET_CHILD_SUBREAPER");
    correct_process_limit();
    reach = &among_others;
    int status = supervise(command);
    sweep(own_directory);
    for (int i = 0; shared[i]; i++) sweep_shared(shared[i]);
    return status;
}
