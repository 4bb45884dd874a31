/* Calls that no program of a learner needs. Those that would harm are called in a way that fails behind the filter:
 * with EPERM or ENOSYS the filter answered, with anything else the kernel did. */
#include "attack.h"
#include <sys/utsname.h>

static void must_be_refused(const char *name, long result) {
    if (result >= 0 || (errno != EPERM && errno != ENOSYS)) BREACH("%s: %s", name, result < 0 ? strerror(errno) : "done");
}

#define REFUSED(name, ...) (errno = 0, must_be_refused(#name, syscall(SYS_##name, __VA_ARGS__)))

int main(void) {
    char nowhere[8] = "";
    REFUSED(bpf, -1, nowhere, 0);
    REFUSED(perf_event_open, NULL, 0, -1, -1, 0);
    REFUSED(userfaultfd, -1);
    REFUSED(io_uring_setup, 0, NULL);
    REFUSED(io_setup, 1, NULL);
    REFUSED(ptrace, -1, 0, 0, 0);
    REFUSED(kcmp, getpid(), getpid(), -1, 0, 0);
    REFUSED(process_vm_readv, getpid(), NULL, 0, NULL, 0, -1);
    REFUSED(add_key, NULL, NULL, NULL, 0, 0);
    REFUSED(request_key, NULL, NULL, NULL, 0);
    REFUSED(keyctl, -1, 0, 0, 0, 0);
    REFUSED(open_by_handle_at, -1, NULL, 0);
    REFUSED(name_to_handle_at, -1, NULL, NULL, NULL, -1);
    REFUSED(fanotify_init, -1, 0);
    REFUSED(mount, NULL, "/nowhere", NULL, 0, NULL);
    REFUSED(umount2, "/nowhere", 0);
    REFUSED(pivot_root, "/nowhere", "/nowhere");
    REFUSED(chroot, "/nowhere");
    REFUSED(unshare, -1);
    REFUSED(setns, -1, 0);
    REFUSED(fsopen, NULL, 0);
    REFUSED(open_tree, -1, NULL, -1);
    REFUSED(move_mount, -1, NULL, -1, NULL, 0);
    REFUSED(clone3, NULL, 0);
    REFUSED(init_module, NULL, 0, NULL);
    REFUSED(finit_module, -1, NULL, 0);
    REFUSED(delete_module, NULL, 0);
    REFUSED(kexec_load, 0, 0, NULL, -1);
    REFUSED(swapon, NULL, 0);
    REFUSED(acct, "/nowhere");
    REFUSED(quotactl, -1, NULL, 0, NULL);
    REFUSED(syslog, 10, NULL, 0);
    REFUSED(sethostname, NULL, -1);
    REFUSED(setdomainname, NULL, -1);
    REFUSED(settimeofday, NULL, nowhere);
    REFUSED(clock_settime, -1, NULL);
    REFUSED(shmget, 0, 0, 0);
    REFUSED(msgget, 1, 0);
    REFUSED(semget, 1, -1, 0);
    REFUSED(mq_open, NULL, 0, 0, NULL);
    REFUSED(memfd_secret, -1);
    REFUSED(pidfd_getfd, -1, 0, 0);
    REFUSED(mbind, NULL, 0, -1, NULL, 0, 0);
    REFUSED(move_pages, 0, 0, NULL, NULL, NULL, -1);
#ifdef __x86_64__
    REFUSED(iopl, 4);
    REFUSED(ioperm, 0, 0, 0);
    REFUSED(modify_ldt, 99, NULL, 0);
    errno = 0;
    must_be_refused("x32 getpid", syscall(0x40000000 | SYS_getpid));
    int status;
    if (fork() == 0) {
        long result;
        __asm__ volatile("int $0x80" : "=a"(result) : "a"(20L /* 32-bit getpid */));
        _exit(result > 0 ? 1 : 0);
    }
    wait(&status);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 1) BREACH("32-bit calls");
#endif
    return 0;
}
