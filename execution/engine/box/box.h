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
 *       -t, -w MS  CPU and wall time after which everything is killed (0: never)
 *       -m KIB     resident memory, summed over the processes, after which everything is killed
 *       -i COUNT   inodes on the writable file systems after which everything is killed
 *       -l RES=N   resource limit of PROGRAM, -l RES=SOFT:HARD likewise
 *       -o FD -f PATH -b BYTES   copy the regular file PATH, if not larger than BYTES, to FD at the end
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
    int status_fd, cpu_fd, output_fd;
    int64_t cpu_us, wall_us, output_bytes, rss_kib, inodes;
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

int64_t now_us(void);
int64_t cgroup_cpu_us(void);
int64_t reaped_cpu_us(struct rusage *usage);
struct usage sum_processes(void);
long inodes_used(void);

/* ---- what main calls */

int outer(int argc, char **argv);
int init(int argc, char **argv);

#endif
