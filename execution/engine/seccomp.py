"""The system calls a sandboxed program may not make, as a BPF program for the kernel.

A deny-list on top of namespaces and an unprivileged user: it takes away what programs of learners
never need and what kernel bugs are usually reached through. Built without libseccomp.
"""

from __future__ import annotations

import errno
import struct
from dataclasses import dataclass

_LOAD, _JUMP_EQUAL, _JUMP_GREATER_EQUAL, _JUMP_SET, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_ALLOW, _ERRNO, _KILL_PROCESS = 0x7FFF0000, 0x00050000, 0x80000000

# Offsets in struct seccomp_data; the arguments' low words, on little-endian machines. (What is
# judged below are ints, of which the kernel does not look at the high word either.)
_NUMBER, _ARCHITECTURE, _ARGUMENT_0, _ARGUMENT_1 = 0, 4, 16, 24

_NAMESPACE_FLAGS = 0x7E020000
"""CLONE_NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID and NEWNET."""

_X32_BIT = 0x40000000
_AF_UNIX, _RLIMIT_CORE, _TIOCSTI, _TIOCLINUX = 1, 4, 0x5412, 0x541C


@dataclass(frozen=True)
class _Machine:
    audit: int
    column: int
    """Which number of each pair below is this machine's."""


_MACHINES = {
    "x86_64": _Machine(audit=0xC000003E, column=0),
    "aarch64": _Machine(audit=0xC00000B7, column=1),
}

# name: (x86_64, aarch64); None where the call does not exist.
_DENIED: dict[str, tuple[int, int | None]] = {
    # other processes
    "ptrace": (101, 117),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "process_madvise": (440, 440),
    "kcmp": (312, 272),
    "pidfd_getfd": (438, 438),
    # box init, which has the program's uid: it must stay as quick as it is
    "setpriority": (141, 140),
    "sched_setparam": (142, 118),
    "sched_setscheduler": (144, 119),
    "sched_setattr": (314, 274),
    "ioprio_set": (251, 30),
    # keys outlive the sandbox
    "add_key": (248, 217),
    "request_key": (249, 218),
    "keyctl": (250, 219),
    # namespaces and mounts
    "mount": (165, 40),
    "umount2": (166, 39),
    "pivot_root": (155, 41),
    "chroot": (161, 51),
    "unshare": (272, 97),
    "setns": (308, 268),
    "open_tree": (428, 428),
    "open_tree_attr": (467, 467),
    "move_mount": (429, 429),
    "fsopen": (430, 430),
    "fsconfig": (431, 431),
    "fsmount": (432, 432),
    "fspick": (433, 433),
    "mount_setattr": (442, 442),
    # large attack surfaces of the kernel
    "bpf": (321, 280),
    "perf_event_open": (298, 241),
    "userfaultfd": (323, 282),
    "io_uring_setup": (425, 425),
    "io_uring_enter": (426, 426),
    "io_uring_register": (427, 427),
    "open_by_handle_at": (304, 265),
    "name_to_handle_at": (303, 264),
    "fanotify_init": (300, 262),
    "memfd_secret": (447, 447),
    "nfsservctl": (180, 42),
    "lookup_dcookie": (212, 18),
    "uselib": (134, None),
    "modify_ldt": (154, None),
    "iopl": (172, None),
    "ioperm": (173, None),
    "mbind": (237, 235),
    "migrate_pages": (256, 238),
    "move_pages": (279, 239),
    "set_mempolicy": (238, 237),
    # the machine itself
    "init_module": (175, 105),
    "finit_module": (313, 273),
    "delete_module": (176, 106),
    "kexec_load": (246, 104),
    "kexec_file_load": (320, 294),
    "reboot": (169, 142),
    "swapon": (167, 224),
    "swapoff": (168, 225),
    "acct": (163, 89),
    "quotactl": (179, 60),
    "quotactl_fd": (443, 443),
    "syslog": (103, 116),
    "settimeofday": (164, 170),
    "clock_settime": (227, 112),
    "adjtimex": (159, 171),
    "clock_adjtime": (305, 266),
    "sethostname": (170, 161),
    "setdomainname": (171, 162),
    "vhangup": (153, 58),
    "sync": (162, 81),
    "syncfs": (306, 267),
    # locks on /usr and /dev, which all runs and the host share
    "flock": (73, 32),
    # kernel memory that no cgroup counts
    "io_setup": (206, 0),
    "shmget": (29, 194),
    "msgget": (68, 186),
    "semget": (64, 190),
    "mq_open": (240, 180),
}

# Answered with ENOSYS, after which the C library falls back to a call the filter can judge.
_ABSENT = {"clone3": (435, 435)}
_ABSENT_WITHOUT_MEMORY_CGROUP = {"memfd_create": (319, 279)}


@dataclass(frozen=True)
class _Rule:
    """A call that one of its arguments makes a forbidden one."""

    numbers: tuple[int, int]
    """As in _DENIED."""
    argument: int
    test: int
    value: int
    error: int = errno.EPERM
    is_denied_if: bool = True
    """The test's result with which the call is denied."""


_CLONE, _IOCTL, _PRLIMIT64 = (56, 220), (16, 29), (302, 261)

_RULES = (
    _Rule(_CLONE, _ARGUMENT_0, _JUMP_SET, _NAMESPACE_FLAGS),
    # No network, not even the sandbox's own: no memory cgroup of version 1 counts what TCP buffers.
    *(
        _Rule(numbers, _ARGUMENT_0, _JUMP_EQUAL, _AF_UNIX, errno.EAFNOSUPPORT, is_denied_if=False)
        for numbers in ((41, 198), (53, 199))  # socket, socketpair
    ),
    _Rule(_IOCTL, _ARGUMENT_1, _JUMP_EQUAL, _TIOCSTI),
    _Rule(_IOCTL, _ARGUMENT_1, _JUMP_EQUAL, _TIOCLINUX),
    # Limits are a process' own business, which is how the C library asks, not box init's.
    _Rule(_PRLIMIT64, _ARGUMENT_0, _JUMP_EQUAL, 0, is_denied_if=False),
    # Its own core limit neither: see forbid_core_dumps() in box/common.c.
    _Rule(_PRLIMIT64, _ARGUMENT_1, _JUMP_EQUAL, _RLIMIT_CORE),
    _Rule((160, 164), _ARGUMENT_0, _JUMP_EQUAL, _RLIMIT_CORE),  # setrlimit
    # Threads' own numbers must pass (pthread_setaffinity_np), box init's must not.
    _Rule((203, 122), _ARGUMENT_0, _JUMP_EQUAL, 1),  # sched_setaffinity
)


def supports(machine: str) -> bool:
    return machine in _MACHINES


def program(machine: str, *, memory_is_counted: bool) -> bytes:
    """The filter for `machine` (as `os.uname().machine` says it), as the kernel reads it.

    `memory_is_counted`: a memory cgroup holds the program, so anonymous files need no ban.
    """
    this = _MACHINES[machine]
    code: list[tuple[int, int, int, int]] = []

    def add(operation: int, value: int, if_true: int = 0, if_false: int = 0) -> None:
        code.append((operation, if_true, if_false, value))

    add(_LOAD, _ARCHITECTURE)
    add(_JUMP_EQUAL, this.audit, 1, 0)
    add(_RETURN, _KILL_PROCESS)
    add(_LOAD, _NUMBER)
    if machine == "x86_64":
        add(_JUMP_GREATER_EQUAL, _X32_BIT, 0, 1)
        add(_RETURN, _ERRNO | errno.ENOSYS)
    absent = _ABSENT if memory_is_counted else _ABSENT | _ABSENT_WITHOUT_MEMORY_CGROUP
    for numbers in absent.values():
        add(_JUMP_EQUAL, numbers[this.column], 0, 1)
        add(_RETURN, _ERRNO | errno.ENOSYS)
    for pair in _DENIED.values():
        number = pair[this.column]
        if number is not None:
            add(_JUMP_EQUAL, number, 0, 1)
            add(_RETURN, _ERRNO | errno.EPERM)
    for rule in _RULES:
        add(_JUMP_EQUAL, rule.numbers[this.column], 0, 4)
        add(_LOAD, rule.argument)
        add(rule.test, rule.value, *((0, 1) if rule.is_denied_if else (1, 0)))
        add(_RETURN, _ERRNO | rule.error)
        add(_LOAD, _NUMBER)
    add(_RETURN, _ALLOW)
    return b"".join(struct.pack("=HBBI", *instruction) for instruction in code)
