/* Namespaces of its own, in which it would be root and the kernel's larger part within reach. */
#include "attack.h"
#include <linux/sched.h>
#include <sys/mount.h>

int main(void) {
    static const int kinds[] = {CLONE_NEWUSER, CLONE_NEWNS, CLONE_NEWPID, CLONE_NEWNET, CLONE_NEWIPC, CLONE_NEWUTS};
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        int alone = kinds[i], with_user = kinds[i] | CLONE_NEWUSER;
        pid_t child = (pid_t)syscall(SYS_clone, with_user | SIGCHLD, 0, 0, 0, 0);
        if (child == 0) _exit(0);
        if (child > 0) BREACH("clone(%#x)", with_user);
        struct clone_args args;
        memset(&args, 0, sizeof args);
        args.flags = (unsigned)with_user;
        args.exit_signal = SIGCHLD;
        child = (pid_t)syscall(SYS_clone3, &args, sizeof args);
        if (child == 0) _exit(0);
        if (child > 0) BREACH("clone3(%#x)", with_user);
        if (fork() == 0) {
            if (!unshare(alone) || !unshare(with_user)) BREACH("unshare(%#x)", with_user);
            _exit(0);
        }
        while (wait(NULL) > 0) continue;
    }
    if (!mount("none", "/tmp", "tmpfs", 0, NULL)) BREACH("mount");
    if (!umount2("/proc", MNT_DETACH)) BREACH("umount");
    if (!chroot("/tmp")) BREACH("chroot");
    return 0;
}
