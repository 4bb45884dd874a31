/* box init, where no cgroup counts memory: what is shared without a name, and what page tables take. See box.h.
 *
 * Neither is in any process' resident set: a region keeps its pages when they are taken out of the map of
 * whoever wrote them, and the last page that somebody maps keeps all of the others. */
#include "box.h"

#include <sys/stat.h>
#include <sys/sysmacros.h>

enum { MAX_REGIONS = 2048, MAX_MAPPINGS = 16384, LEAST_KIB = 1024 };

static struct {
    unsigned long inode;
    long kib;
    int look;
} regions[MAX_REGIONS];
static int region_count, look;
static unsigned device_major, device_minor;

/* Anonymous files and anonymous regions are on one device of the kernel's own. */
void learn_shared_device(int anonymous_file) {
    struct stat info;
    if (fstat(anonymous_file, &info)) die("standard error");
    device_major = major(info.st_dev);
    device_minor = minor(info.st_dev);
}

/* As the most of it that was ever seen mapped at once; -1 when there are too many. */
static int charge(unsigned long inode, long kib) {
    int i = 0;
    while (i < region_count && regions[i].inode != inode) i++;
    if (i == MAX_REGIONS) return -1;
    if (i == region_count) {
        regions[region_count++].inode = inode;
        regions[i].kib = LEAST_KIB;
    }
    if (kib > regions[i].kib) regions[i].kib = kib;
    regions[i].look = look;
    return 0;
}

static int charge_all_of(FILE *maps) {
    char line[4352];
    for (int count = 0; fgets(line, sizeof line, maps); count++) {
        unsigned long from, to, inode;
        unsigned major_number, minor_number;
        char shared;
        if (count == MAX_MAPPINGS) return -1;
        if (sscanf(line, "%lx-%lx %*3c%c %*x %x:%x %lu", &from, &to, &shared, &major_number, &minor_number,
                   &inode) == 6 &&
            shared == 's' && major_number == device_major && minor_number == device_minor &&
            charge(inode, (long)((to - from) / 1024)))
            return -1;
    }
    return 0;
}

/* -1 when it hides what it maps (PR_SET_DUMPABLE, or a program that may not be read). */
static int charge_regions_of(int pid) {
    char path[32];
    snprintf(path, sizeof path, "%d/maps", pid);
    act_as_program();
    int fd = openat(proc_fd, path, O_RDONLY | O_CLOEXEC);
    int is_hidden = fd < 0 && errno == EACCES;
    act_as_oneself();
    FILE *maps = fd < 0 ? NULL : fdopen(fd, "r");
    if (!maps) return is_hidden ? -1 : 0;
    int result = charge_all_of(maps);
    fclose(maps);
    return result;
}

static void forget_what_is_gone(void) {
    int kept = 0;
    for (int i = 0; i < region_count; i++)
        if (regions[i].look == look) regions[kept++] = regions[i];
    region_count = kept;
}

long shared_kib(const int *pids, int count) {
    long sum = 0;
    look++;
    for (int i = 0; i < count; i++)
        if (charge_regions_of(pids[i])) return -1;
    forget_what_is_gone();
    for (int i = 0; i < region_count; i++) sum += regions[i].kib;
    return sum;
}
