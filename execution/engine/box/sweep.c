/* box reduced, box sweep: how much a program has written, and removing it. See box.h.
 *
 * Names, depth and number are the program's choice: nothing here follows a link, and removing does not
 * recurse. It is done with the program's rights: in directories that all share, programs of other slots may
 * be alive, and change them meanwhile. */
#include "box.h"

#include <dirent.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>

enum { MAX_DEPTH = 64, WALK_SHARE = 20, LONGEST_PAUSE_US = 500000 };

static int is_dots(const char *name) {
    return !strcmp(name, ".") || !strcmp(name, "..");
}

static DIR *open_directory(int parent, const char *name) {
    int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    DIR *directory = fd < 0 ? NULL : fdopendir(fd);
    if (!directory && fd >= 0) close(fd);
    return directory;
}

/* ---- How much there is */

static struct {
    int64_t bytes, entries;
} used;

static void count_in(int parent, const char *name, int depth) {
    DIR *directory = open_directory(parent, name);
    if ((!directory && errno == EACCES) || depth == MAX_DEPTH) used.entries = INT32_MAX; /* hides something */
    if (!directory) return;
    for (struct dirent *entry; used.entries <= told.inodes && (entry = readdir(directory));) {
        struct stat info;
        if (is_dots(entry->d_name)) continue;
        if (fstatat(dirfd(directory), entry->d_name, &info, AT_SYMLINK_NOFOLLOW)) continue;
        used.entries++;
        used.bytes += 512 * (int64_t)info.st_blocks / (int64_t)(info.st_nlink ? info.st_nlink : 1);
        if (S_ISDIR(info.st_mode)) count_in(dirfd(directory), entry->d_name, depth + 1);
    }
    closedir(directory);
}

static int64_t bytes_free(void) {
    struct statvfs fs;
    return statvfs(".", &fs) ? INT64_MAX : (int64_t)fs.f_bavail * (int64_t)fs.f_frsize;
}

/* Of our own: the wall time of a walk says how busy the machine is. */
static int64_t cpu_time_us(void) {
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return 1000000 * (int64_t)t.tv_sec + t.tv_nsec / 1000;
}

static int64_t pause_after(int64_t walk_us) {
    return WALK_SHARE * walk_us < LONGEST_PAUSE_US ? WALK_SHARE * walk_us : LONGEST_PAUSE_US;
}

const char *overfull(int64_t max_bytes) {
    static int64_t least_free = -1, next_us;
    if (least_free < 0) least_free = bytes_free() / 2 < (1 << 30) ? bytes_free() / 2 : 1 << 30;
    if (now_us() < next_us) return NULL;
    int64_t cpu_before = cpu_time_us();
    used.bytes = used.entries = 0;
    count_in(AT_FDCWD, ".", 0);
    next_us = now_us() + pause_after(cpu_time_us() - cpu_before);
    if (used.entries > told.inodes) return "inodes";
    return used.bytes > max_bytes || bytes_free() < least_free ? "disk" : NULL;
}

/* ---- Removing it */

struct way { /* back up */
    struct way *before;
    dev_t device;
    ino_t inode; /* of the directory that NAME is in */
    char name[];
};

static uid_t owner_of_what_is_left(void) {
    return told.uid >= 0 ? (uid_t)told.uid : geteuid();
}

/* Removes what can be at once; a copy of the name of a directory that is not empty, or NULL. */
static struct way *thin_out(int here) {
    struct stat info;
    DIR *directory = open_directory(here, ".");
    struct way *inner = NULL;
    if (!directory) return NULL;
    if (fstat(here, &info)) die("fstat");
    for (struct dirent *entry; !inner && (entry = readdir(directory));) {
        if (is_dots(entry->d_name) || !unlinkat(here, entry->d_name, 0)) continue;
        if (!unlinkat(here, entry->d_name, AT_REMOVEDIR) || (errno != ENOTEMPTY && errno != EEXIST)) continue;
        inner = malloc(sizeof *inner + strlen(entry->d_name) + 1);
        if (!inner) continue;
        inner->device = info.st_dev;
        inner->inode = info.st_ino;
        strcpy(inner->name, entry->d_name);
    }
    closedir(directory);
    return inner;
}

/* -1 for somebody else's, who could fill it for ever. Once it is ours and 0700, nobody else changes it. */
static int open_to_empty(int parent, const char *name) {
    struct stat info;
    int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0 && errno == EACCES) { /* if a link takes its place, it changes a file of the same user */
        fchmodat(parent, name, 0700, 0);
        fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    }
    if (fd < 0) return -1;
    if (!fstat(fd, &info) && info.st_uid == owner_of_what_is_left() && !fchmod(fd, 0700)) return fd;
    close(fd);
    return -1;
}

static int enter(int here, const char *name) {
    int inner = open_to_empty(here, name);
    close(here);
    return inner;
}

/* -1 when it was moved, or stays: or we would come here for ever. */
static int leave(int here, struct way *way) {
    struct stat info;
    int outer = openat(here, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    close(here);
    if (outer >= 0 && (fstat(outer, &info) || info.st_dev != way->device || info.st_ino != way->inode ||
                       unlinkat(outer, way->name, AT_REMOVEDIR))) {
        close(outer);
        outer = -1;
    }
    free(way);
    return outer;
}

void sweep(int here) {
    struct way *way = NULL;
    fchmod(here, 0700);
    while (here >= 0) {
        struct way *inner = thin_out(here);
        if (inner) {
            inner->before = way;
            way = inner;
            here = enter(here, inner->name);
        } else if (way) {
            struct way *up = way->before;
            here = leave(here, way);
            way = up;
        } else {
            close(here);
            here = -1;
        }
    }
    while (way) {
        struct way *up = way->before;
        free(way);
        way = up;
    }
}

void sweep_shared(const char *place) {
    DIR *directory = open_directory(AT_FDCWD, place);
    if (!directory) return;
    int parent = dirfd(directory);
    for (struct dirent *entry; (entry = readdir(directory));) {
        struct stat info;
        if (is_dots(entry->d_name) || fstatat(parent, entry->d_name, &info, AT_SYMLINK_NOFOLLOW)) continue;
        if (info.st_uid != owner_of_what_is_left() || !unlinkat(parent, entry->d_name, 0)) continue;
        int here = open_to_empty(parent, entry->d_name);
        if (here >= 0) sweep(here);
        unlinkat(parent, entry->d_name, AT_REMOVEDIR);
    }
    closedir(directory);
}

int sweep_alone(int argc, char **argv) {
    int option, here;
    while ((option = getopt(argc, argv, "+u:d:S:")) != -1) switch (option) {
        case 'u': drop_to(told.uid = number(optarg)); break;
        case 'd':
            here = open_to_empty(AT_FDCWD, optarg);
            if (here >= 0) sweep(here);
            break;
        case 'S': sweep_shared(optarg); break;
        default: return 120;
        }
    return 0;
}
