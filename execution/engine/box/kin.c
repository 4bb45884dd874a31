/* box reduced: which processes belong to the run, and how they are killed. See box.h.
 *
 * Whatever a program starts, and however it lets go of it, descends from us: we are its subreaper, so
 * what loses its parent becomes our child. When we have no child left, nothing of the run is alive. */
#include "box.h"

#include <dirent.h>
#include <sys/syscall.h>

enum { MAX_KIN = 4096 };

struct process {
    int pid, parent;
    char state;
    int is_kin;
};

static struct process *table;
static int table_size, table_room;

static int grow(void) {
    if (table_size < table_room) return 0;
    int room = table_room ? 2 * table_room : 512;
    struct process *larger = realloc(table, (size_t)room * sizeof *table);
    if (!larger) return -1;
    table = larger;
    table_room = room;
    return 0;
}

/* 0, or -1 when it is gone. */
static int look_at(int pid, struct process *found) {
    char text[512];
    if (!read_proc(pid, "stat", text, sizeof text)) return -1;
    const char *rest = strrchr(text, ')'); /* the name before it is the program's choice */
    if (!rest || sscanf(rest + 1, " %c %d", &found->state, &found->parent) != 2) return -1;
    found->pid = pid;
    found->is_kin = 0;
    return 0;
}

/* All processes of the machine; -1 when they cannot be listed. */
static int look_around(void) {
    int fd = openat(proc_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *directory = fd < 0 ? NULL : fdopendir(fd);
    if (!directory) return -1;
    table_size = 0;
    for (struct dirent *entry; (entry = readdir(directory));) {
        int pid = atoi(entry->d_name);
        if (pid <= 1) continue;
        if (grow()) break;
        if (!look_at(pid, &table[table_size])) table_size++;
    }
    closedir(directory);
    return table_size ? 0 : -1;
}

static int has(const int *pids, int count, int pid) {
    for (int i = 0; i < count; i++)
        if (pids[i] == pid) return 1;
    return 0;
}

/* Those that descend from us; of a family that changes meanwhile one may be missed. */
static int find_kin(int *pids, int room) {
    if (look_around()) return -1;
    int self = getpid(), count = 0;
    for (int before = -1; before != count;) { /* a parent may stand behind its child */
        before = count;
        for (int i = 0; i < table_size && count < room; i++) {
            struct process *it = &table[i];
            if (it->is_kin || (it->parent != self && !has(pids, count, it->parent))) continue;
            it->is_kin = 1;
            pids[count++] = it->pid;
        }
    }
    return count;
}

int kin(int *pids, int room) {
    return find_kin(pids, room);
}

/* Kills PID if it is alive and a child of ours or of FAMILY's; returns whether it was. The descriptor is of
 * who is looked at afterwards: a stranger that gets the number of one that is gone is not hit. */
static int strike(int pid, const int *family, int count) {
    struct process now;
    int fd = (int)syscall(SYS_pidfd_open, pid, 0);
    int is_struck = !look_at(pid, &now) && now.state != 'Z' &&
                    (now.parent == getpid() || has(family, count, now.parent));
    if (is_struck && (fd < 0 || (syscall(SYS_pidfd_send_signal, fd, SIGKILL, NULL, 0) && errno != ESRCH)))
        kill(pid, SIGKILL); /* a container's filter may not know of such descriptors */
    if (fd >= 0) close(fd);
    return is_struck;
}

/* Once sent SIGKILL, a process makes no other (fork() fails); so whoever is met for the first time was
 * made before, and there are fewer of them each time. They are not reaped meanwhile: the dead keep
 * their places, and those that live find none free (RLIMIT_NPROC). */
void kill_kin(void) {
    static int pids[MAX_KIN], struck[MAX_KIN];
    int struck_count = 0;
    for (int is_done = 0; !is_done;) {
        is_done = 1;
        int count = find_kin(pids, MAX_KIN);
        for (int i = 0; i < count; i++) {
            if (!strike(pids[i], pids, count)) continue;
            if (has(struck, struck_count, pids[i]) || struck_count == MAX_KIN) continue;
            struck[struck_count++] = pids[i];
            is_done = 0;
        }
    }
}
