/* box init: what the run has used so far. See box.h. */
#include "box.h"

#include <dirent.h>
#include <sys/statvfs.h>
#include <time.h>

enum { MAX_SEEN = 512 };

int proc_fd = -1;
int is_blind;

int64_t now_us(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

int64_t cgroup_cpu_us(void) {
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

int64_t reaped_cpu_us(struct rusage *usage) {
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

/* CPU time and resident memory of everything in the sandbox but us, without a cgroup. A process that
 * cannot be read is gone; that the processes cannot be listed must never happen. */
struct usage sum_processes(void) {
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

long inodes_used(void) {
    static const char *const writable[] = {"/box", "/tmp", "/dev/shm"};
    long used = 0;
    struct statvfs fs;
    for (int i = 0; i < 3; i++)
        if (!statvfs(writable[i], &fs) && fs.f_files) used += (long)(fs.f_files - fs.f_ffree);
    return used;
}
