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

/* 0 without a gauge. */
static long cgroup_kib(void) {
    char text[32];
    ssize_t length = told.memory_fd < 0 ? 0 : pread(told.memory_fd, text, sizeof text - 1, 0);
    text[length > 0 ? length : 0] = 0;
    return (long)(atoll(text) / 1024);
}

int64_t reaped_cpu_us(struct rusage *usage) {
    getrusage(RUSAGE_CHILDREN, usage);
    return ((int64_t)usage->ru_utime.tv_sec + usage->ru_stime.tv_sec) * 1000000 +
           usage->ru_utime.tv_usec + usage->ru_stime.tv_usec;
}

size_t read_proc(int pid, const char *file, char *text, size_t size) {
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

/* CPU time of the children PID waited for, in microseconds. */
static int64_t children_cpu_us(int pid) {
    char text[1024];
    unsigned long user = 0, system = 0;
    if (!read_proc(pid, "stat", text, sizeof text)) return 0;
    const char *rest = strrchr(text, ')'); /* the name before it is the program's choice */
    if (!rest || sscanf(rest + 1,
                        " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %lu %lu",
                        &user, &system) != 2)
        return 0;
    return (int64_t)(user + system) * 1000000 / sysconf(_SC_CLK_TCK);
}

struct memory {
    long resident_kib;
    long shared_kib; /* of it, with others or in files in memory */
    long tables_kib;
};

static long kib_in(const char *text, const char *name) {
    const char *line = strstr(text, name);
    return line ? atol(line + strlen(name)) : 0;
}

static void add_memory_of(int pid, struct memory *sum) {
    char text[4096];
    if (!read_proc(pid, "status", text, sizeof text)) return;
    sum->resident_kib += kib_in(text, "\nVmRSS:");
    sum->shared_kib += kib_in(text, "\nRssShmem:");
    sum->tables_kib += kib_in(text, "\nVmPTE:");
}

/* As above, but what several map counts once. */
static void add_shares_of(int pid, struct memory *sum) {
    char text[2048];
    act_as_program();
    size_t length = read_proc(pid, "smaps_rollup", text, sizeof text);
    act_as_oneself();
    if (!length) return;
    sum->resident_kib += kib_in(text, "\nPss:");
    sum->shared_kib += kib_in(text, "\nPss_Shmem:");
}

static long memory_kib(const struct memory *sum, long regions_kib) {
    long more = regions_kib - sum->shared_kib;
    return sum->resident_kib + sum->tables_kib + (more > 0 ? more : 0);
}

/* Of all in PIDS. Only where the sum of what each has is more than ever before, it is looked whether they share. */
static long memory_of_all(const int *pids, int count) {
    static long highest_kib;
    struct memory sum = {0, 0, 0}, shares = {0, 0, 0};
    for (int i = 0; i < count; i++) add_memory_of(pids[i], &sum);
    long regions_kib = told.rss_kib ? shared_kib(pids, count) : 0;
    if (regions_kib < 0) return told.rss_kib + 1; /* what cannot be measured is too much */
    long kib = memory_kib(&sum, regions_kib);
    int is_too_much = told.rss_kib && kib > told.rss_kib;
    if (is_too_much || (count > 1 && kib > highest_kib)) {
        for (int i = 0; i < count; i++) add_shares_of(pids[i], &shares);
        shares.tables_kib = sum.tables_kib;
        kib = memory_kib(&shares, regions_kib);
    }
    if (kib > highest_kib) highest_kib = kib;
    return kib;
}

/* The last CPU time seen of every process ever seen: catches children that nobody waits for. */
static struct {
    int pid, look;
    int64_t cpu_us;
} seen[MAX_SEEN];
static int seen_count, look;
static int64_t forgotten_us;

/* Everybody but us, in a pid namespace of our own. */
int everybody(int *pids, int room) {
    int count = 0, fd = openat(proc_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *directory = fd < 0 ? NULL : fdopendir(fd);
    if (!directory) return -1;
    for (struct dirent *entry; count < room && (entry = readdir(directory));) {
        int pid = atoi(entry->d_name);
        if (pid > 1) pids[count++] = pid;
    }
    closedir(directory);
    return count;
}

static void forget_the_dead(void) {
    int kept = 0;
    for (int i = 0; i < seen_count; i++)
        if (seen[i].look >= look - 1)
            seen[kept++] = seen[i];
        else
            forgotten_us += seen[i].cpu_us;
    seen_count = kept;
}

static int place_of(int pid) {
    int i = 0;
    while (i < seen_count && seen[i].pid != pid) i++;
    return i;
}

static void remember(int pid, int64_t cpu_us) {
    int i = place_of(pid);
    if (i == MAX_SEEN) {
        forget_the_dead();
        i = seen_count;
    }
    if (i == MAX_SEEN) return; /* never: those alive are far fewer */
    if (i == seen_count) {
        seen[seen_count].pid = pid;
        seen[seen_count++].cpu_us = 0;
    }
    if (cpu_us < seen[i].cpu_us) forgotten_us += seen[i].cpu_us; /* the pid was used again */
    seen[i].cpu_us = cpu_us;
    seen[i].look = look;
}

/* CPU time and memory of everything in the sandbox but us, without a cgroup. A process that
 * cannot be read is gone; that the processes cannot be listed must never happen. */
static struct usage sum_processes(void) {
    struct usage sum = {0, 0};
    int pids[MAX_SEEN];
    int count = reach->members(pids, MAX_SEEN);
    if (count < 0) {
        is_blind = 1;
        return sum;
    }
    look++;
    for (int i = 0; i < count; i++) {
        int64_t own = own_cpu_us(pids[i]);
        sum.cpu_us += own + children_cpu_us(pids[i]);
        remember(pids[i], own);
    }
    struct rusage usage;
    sum.cpu_us += reaped_cpu_us(&usage);
    int64_t ever = forgotten_us;
    for (int i = 0; i < seen_count; i++) ever += seen[i].cpu_us;
    if (ever > sum.cpu_us) sum.cpu_us = ever;
    sum.rss_kib = memory_of_all(pids, count);
    return sum;
}

struct usage used_since(int64_t cpu_before) {
    if (told.cpu_fd < 0) return sum_processes();
    return (struct usage){cgroup_cpu_us() - cpu_before, cgroup_kib()};
}

void keep_peaks(struct usage *peak, struct usage now) {
    if (now.cpu_us > peak->cpu_us) peak->cpu_us = now.cpu_us;
    if (now.rss_kib > peak->rss_kib) peak->rss_kib = now.rss_kib;
}

long inodes_used(void) {
    static const char *const writable[] = {"/box", "/tmp", "/dev/shm"};
    long used = 0;
    struct statvfs fs;
    for (int i = 0; i < 3; i++)
        if (!statvfs(writable[i], &fs) && fs.f_files) used += (long)(fs.f_files - fs.f_ffree);
    return used;
}
