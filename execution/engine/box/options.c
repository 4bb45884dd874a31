/* box init: what it was told, and forgetting where the program could read it. See box.h. */
#include "box.h"

struct told told = {.status_fd = -1, .cpu_fd = -1, .memory_fd = -1, .output_fd = -1, .tree_fd = -1,
                    .end_fd = -1, .uid = -1};

static int resource_named(const char *name, size_t length) {
    static const struct {
        const char *name;
        int resource;
    } known[] = {{"cpu", RLIMIT_CPU},       {"data", RLIMIT_DATA},     {"stack", RLIMIT_STACK},
                 {"nproc", RLIMIT_NPROC},   {"fsize", RLIMIT_FSIZE},   {"nofile", RLIMIT_NOFILE},
                 {"as", RLIMIT_AS},         {"memlock", RLIMIT_MEMLOCK}, {"msgqueue", RLIMIT_MSGQUEUE}};
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

void read_init_options(int argc, char **argv) {
    int option;
    while ((option = getopt(argc, argv, "+s:g:p:t:w:m:i:l:x:o:f:b:u:e:")) != -1) switch (option) {
        case 's': told.status_fd = (int)number(optarg); break;
        case 'g': told.cpu_fd = (int)number(optarg); break;
        case 'p': told.memory_fd = (int)number(optarg); break;
        case 't': told.cpu_us = number(optarg) * 1000; break;
        case 'w': told.wall_us = number(optarg) * 1000; break;
        case 'm': told.rss_kib = number(optarg); break;
        case 'i': told.inodes = number(optarg); break;
        case 'l': add_limit(optarg); break;
        case 'o': told.output_fd = (int)number(optarg); break;
        case 'x': told.tree_fd = (int)number(optarg); break;
        case 'f': told.output_path = copy_of(optarg); break;
        case 'u': told.uid = number(optarg); break;
        case 'b': told.output_bytes = number(optarg); break;
        case 'e': told.end_fd = (int)number(optarg); break;
        default: _exit(120);
        }
    if (told.status_fd < 0 || !argv[optind]) _exit(120);
    fcntl(told.status_fd, F_SETFD, FD_CLOEXEC);
    if (told.cpu_fd >= 0) fcntl(told.cpu_fd, F_SETFD, FD_CLOEXEC);
    if (told.memory_fd >= 0) fcntl(told.memory_fd, F_SETFD, FD_CLOEXEC);
    if (told.output_fd >= 0) fcntl(told.output_fd, F_SETFD, FD_CLOEXEC);
    if (told.tree_fd >= 0) fcntl(told.tree_fd, F_SETFD, FD_CLOEXEC);
    if (told.end_fd >= 0) fcntl(told.end_fd, F_SETFD, FD_CLOEXEC);
}

char **take_command(int argc, char **argv) {
    int count = argc - optind;
    char **command = calloc((size_t)count + 1, sizeof *command);
    if (!command) die("calloc");
    for (int i = 0; i < count; i++) command[i] = copy_of(argv[optind + i]);
    for (int i = 1; i < argc; i++) memset(argv[i], 0, strlen(argv[i]));
    return command;
}
