/* The memory of others, and being traced oneself. */
#include "attack.h"
#include <sys/ptrace.h>
#include <sys/uio.h>

int main(void) {
    pid_t child = fork();
    if (child == 0) {
        usleep(100000);
        _exit(0);
    }
    pid_t targets[] = {1, getppid(), child};
    for (int i = 0; i < 3; i++) {
        char byte;
        struct iovec here = {&byte, 1}, there = {main, 1};
        if (!ptrace(PTRACE_SEIZE, targets[i], 0, 0)) BREACH("traces %d", targets[i]);
        if (process_vm_readv(targets[i], &here, 1, &there, 1, 0) >= 0) BREACH("reads %d", targets[i]);
        if (process_vm_writev(targets[i], &here, 1, &there, 1, 0) >= 0) BREACH("writes %d", targets[i]);
        int handle = (int)syscall(SYS_pidfd_open, targets[i], 0);
        if (handle >= 0 && syscall(SYS_pidfd_getfd, handle, 0, 0) >= 0) BREACH("takes from %d", targets[i]);
    }
    waitpid(child, NULL, 0); /* where nothing may be killed, it ends by itself */
    if (!ptrace(PTRACE_TRACEME, 0, 0, 0)) BREACH("may be traced");
    return 0;
}
