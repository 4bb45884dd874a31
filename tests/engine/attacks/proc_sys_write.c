/* The kernel's switches. To open one is enough, where the kernel asks nothing at the write. */
#include "attack.h"

int main(void) {
    static const char *const switches[] = {
        "/proc/sys/kernel/core_pattern", "/proc/sys/kernel/hostname", "/proc/sys/kernel/modprobe",
        "/proc/sys/vm/drop_caches", "/proc/sys/vm/overcommit_memory", "/proc/sys/net/ipv4/ip_forward",
        "/proc/sys/fs/mqueue/queues_max", "/proc/sysrq-trigger", "/proc/1/oom_score_adj", "/proc/1/oom_adj",
        "/proc/1/comm", "/proc/1/clear_refs", "/proc/1/mem", "/proc/1/uid_map", "/proc/1/setgroups",
        "/proc/1/autogroup", "/proc/mtrr", "/proc/kcore", "/proc/kmsg", "/sys/kernel/uevent_helper",
        "/sys/fs/cgroup/cgroup.procs", "/sys/fs/cgroup/memory/tasks", "/sys/power/state", "/dev/mem",
        "/dev/kmsg", "/dev/ptmx", "/dev/fuse", "/dev/kvm", "/dev/net/tun",
    };
    /* These anybody may open: the kernel asks at the write. */
    static const char *const to_write[][2] = {{"/proc/self/uid_map", "0 0 1"},
                                              {"/proc/self/setgroups", "allow"},
                                              {"/proc/sys/kernel/ns_last_pid", "9"},
                                              {"/proc/1/timerslack_ns", "9"}};
    for (size_t i = 0; i < sizeof switches / sizeof *switches; i++)
        if (open(switches[i], O_WRONLY) >= 0) BREACH("opens %s", switches[i]);
    for (size_t i = 0; i < sizeof to_write / sizeof *to_write; i++) {
        int file = open(to_write[i][0], O_WRONLY);
        if (file >= 0 && write(file, to_write[i][1], strlen(to_write[i][1])) > 0)
            BREACH("writes %s", to_write[i][0]);
    }
    return 0;
}
