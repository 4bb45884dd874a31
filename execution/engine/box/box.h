/* box: what stands directly before and directly inside a sandbox, as one small static binary.
 *
 *     engine -> box outer -> bwrap --as-pid-1 -> box init -> the program
 *
 * box outer [-j FILE]... [-G DIRECTORY] [-u UID] -- COMMAND...
 *     Joins cgroups, forbids core dumps, drops to UID and becomes COMMAND.
 *       -j  a cgroup v1 "tasks" file: "0" is written to it. ("tasks" moves this one thread; writing
 *           to "cgroup.procs" instead waits several milliseconds for an RCU grace period.)
 *       -G  a cgroup v2 directory: COMMAND is born in it (CLONE_INTO_CGROUP, which does not wait
 *           either), and box outer stays as its parent, dies with the engine, and takes it along.
 *
 * box init -s FD [options] -- PROGRAM...
 *     PID 1 of the sandbox: starts PROGRAM under its limits, watches, kills, and writes two lines to
 *     FD: "started" before PROGRAM may do anything, and its report, in JSON, once nothing else is
 *     alive. It cleans up with kill(-1), so it refuses to run anywhere but as PID 1 of a pid namespace.
 *       -g FD      counter of the cgroup's CPU time (cpuacct.usage or cpu.stat); without it the
 *                  time and memory of the processes are summed from /proc
 *       -p FD      what the cgroup has in memory now (memory.current): where no kernel keeps its peak
 *       -t, -w MS  CPU and wall time after which everything is killed (0: never)
 *       -m KIB     memory, summed over the processes, after which everything is killed; standard error
 *                  must be an anonymous file (memfd)
 *       -e FD      the reading end of a pipe: once nobody can write to it, everything is killed
 *       -i COUNT   inodes on the writable file systems after which everything is killed
 *       -l RES=N   resource limit of PROGRAM, -l RES=SOFT:HARD likewise
 *       -u UID     from root to UID, itself and PROGRAM, for good: where there is no user namespace
 *       -x FD      a packed tree, unpacked into the working directory before anything else
 *       -o FD -f PATH -b BYTES   copy the regular file PATH, if not larger than BYTES, to FD at the end;
 *                  where PATH ends in "/", it is a directory, and packed
 *
 * box reduced -u UID -a VERSION -d DIRECTORY -q BYTES -F FD [walls] -- [options of init] -- PROGRAM...
 *     init's work where no namespace can be made. It is not PID 1, finds what belongs to the run by
 *     descent, and kills pid by pid, also when it gets SIGTERM or the engine ends. In this order:
 *       -u UID        as root: of PROGRAM and of its files; it stays root itself
 *       -a VERSION    of Landlock, as far as it shall be used; 0: not at all
 *       -d DIRECTORY  empty: PROGRAM's own, its working directory, and emptied at the end
 *       -S PLACE      that all users share: what UID left in it is removed at the end
 *       -q BYTES      in it after which everything is killed
 *       -F FD         the system call filter
 *       -X, -R, -W PATH   PROGRAM may execute and read what is below; read; read and write
 *       -e NAME=VALUE     in PROGRAM's environment
 *       -k FD=PATH, -B TARGET=PATH   file or link to be there
 *
 * box sweep [-u UID] [-d DIRECTORY] [-S PLACE]...
 *     As UID: what box reduced does at its end, where it did not live to do it. In the order of the options.
 *
 * box relay FROM TO BYTES FROM TO BYTES
 *     Carries what comes out of one sandbox into the other, both ways; see relay.c. Descriptors of pipes, not
 *     blocking. Exits with 0 once neither has an end to write to, 1 or 2 where more BYTES came the first way, or
 *     the second.
 *
 * box probe BAIT PORT PID PROCESSES MEMORY FILE SCRATCH | box probe NAME
 *     The program of the engine's self-test: tries to get out. See selftest.py.
 *
 * Exit codes: 120 misuse or a failed system call (a line on stderr), 121 not PID 1.
 */
#ifndef BOX_H
#define BOX_H
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/types.h>
#include <unistd.h>

/* ---- common.c */

/* Ends the process with 120 and a line on stderr. */
void die(const char *what) __attribute__((noreturn));
int64_t number_before(char stop, const char *text);
int64_t number(const char *text);
char *copy_of(const char *text);
void write_zero(const char *path);
void drop_to(int64_t uid); /* nothing for a negative one */
void drop_rights(int64_t uid); /* likewise */
int empty_bounding_set(void); /* 0; -1 where we may not, for want of CAP_SETPCAP */
void drop_capabilities(void);
void act_as_program(void); /* for what is done with files only, and where PROGRAM has another uid than we */
void act_as_oneself(void);
void forbid_core_dumps(void);
void die_with(pid_t parent);
void become(char **command);

/* ---- options.c: what init was told */

enum { MAX_LIMITS = 16 };

struct limit {
    int resource;
    struct rlimit value;
};

extern struct told {
    int status_fd, cpu_fd, memory_fd, output_fd, tree_fd, end_fd;
    int64_t cpu_us, wall_us, output_bytes, rss_kib, inodes, uid;
    char *output_path;
    struct limit limits[MAX_LIMITS];
    int limit_count;
} told;

void read_init_options(int argc, char **argv);
/* /proc/1/cmdline can be read by the program: a copy of its command line, the rest blanked. */
char **take_command(int argc, char **argv);

/* ---- measure.c */

struct usage {
    int64_t cpu_us;
    long rss_kib;
};

extern int proc_fd;
extern int is_blind; /* a measurement failed: the limits do not hold any more */

size_t read_proc(int pid, const char *file, char *text, size_t size);
int everybody(int *pids, int room);
int64_t now_us(void);
int64_t cgroup_cpu_us(void);
int64_t reaped_cpu_us(struct rusage *usage);
/* In the whole sandbox but us; CPU time since that of the cgroup was cpu_before. */
struct usage used_since(int64_t cpu_before);
void keep_peaks(struct usage *peak, struct usage now);
long inodes_used(void);

/* ---- regions.c */

void learn_shared_device(int anonymous_file);
/* Size of all that these processes share without a name; -1 when that cannot be told. */
long shared_kib(const int *pids, int count);

/* ---- tree.c: a directory as one stream of bytes */

/* Packs the directory PATH onto TO: the bytes written, or -1 when it is not there, or is more than
 * MAX_BYTES in whole pages, or deeper than 63 levels. To be called when nothing else is alive. */
int64_t pack(const char *path, int to, int64_t max_bytes);
/* Makes what was packed in the working directory; what is there already stays. Dies of damaged bytes. */
void unpack(int from);

/* ---- init.c: what is the same wherever a run is supervised */

struct reach {
    /* Who belongs to the run, without us; -1 when they cannot be listed. */
    int (*members)(int *pids, int room);
    void (*kill_members)(void);
    /* The rest may be NULL, but for overfull. */
    void (*confine)(void); /* the last thing a process does before it becomes the program */
    const char *(*overfull)(void); /* what there is too much of on disk, or NULL */
    void (*lay_down_rights)(void); /* before what the program left is touched; nothing is alive */
    int end_signal; /* asks us to end the run */
};

extern const struct reach *reach;

void bring_tree(void);
void end_with_engine(int signal_number);
int supervise(char **command);

/* ---- kin.c */

int kin(int *pids, int room);
void kill_kin(void);

/* ---- landlock.c: rights to files, by their numbers in the kernel */

enum {
    LANDLOCK_EXECUTE = 1,
    LANDLOCK_WRITE = 2,
    LANDLOCK_READ = 4,
    LANDLOCK_LIST = 8,
    LANDLOCK_1 = (1 << 13) - 1, /* all that version 1 knows, and so on */
    LANDLOCK_2 = (1 << 14) - 1,
    LANDLOCK_3 = (1 << 15) - 1,
    LANDLOCK_5 = (1 << 16) - 1,
    LANDLOCK_OWN = LANDLOCK_5 & ~(1 << 6) & ~(1 << 9) & ~(1 << 11), /* all but devices and sockets */
};

struct sock_filter;

void begin_walls(int wanted_version);
void let(const char *path, uint64_t rights); /* PATH, and what is below; it must be there */
void close_walls(void);
void load_filter(struct sock_filter *code, size_t count);
void forbid_signals_to_others(void);

/* ---- sweep.c */

/* "inodes" or "disk" when the working directory has more than told.inodes or MAX_BYTES, or the disk
 * runs full; else NULL. Takes a twentieth of the time at most. */
const char *overfull(int64_t max_bytes);
void sweep(int here); /* empties the directory and closes it; nothing of the run is alive */
void sweep_shared(const char *place); /* removes from it what belongs to the program's user */

/* ---- what main calls */

int outer(int argc, char **argv);
int init(int argc, char **argv);
int probe(int argc, char **argv);
int relay(int argc, char **argv);
int reduced(int argc, char **argv);
int sweep_alone(int argc, char **argv);

#endif
