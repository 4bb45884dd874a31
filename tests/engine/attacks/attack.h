/* What the attack programs share. Each tries one thing, prints a line that begins with BREACH where it succeeds
 * with what it must not, and is killed by a limit or ends with 0. Started with
 *
 *     PORT   of a listener on the host's loopback
 *     BAIT   path of a file on the host that everybody there may read
 *     PID    of a process on the host
 */
#ifndef ATTACK_H
#define ATTACK_H
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { MIB = 1 << 20, PROCESSES = 20, MEMORY_MIB = 64, FILE_MIB = 4 }; /* the limits they run under */

#define BREACH(...) (printf("BREACH " __VA_ARGS__), puts(""), fflush(stdout))

static inline void burn(void) {
    for (volatile long i = 0;; i++) continue;
}
#endif
