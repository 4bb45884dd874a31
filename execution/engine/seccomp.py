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

# Offsets in struct seccomp_data; the arguments' low words, on little-endian machines. (What is judged
# below are ints, of which the kernel does not look at the high word either, and one pointer.)
_NUMBER, _ARCHITECTURE, _ARGUMENT_0, _ARGUMENT_1, _ARGUMENT_2 = 0, 4, 16, 24, 32
_HIGH_WORD = 4

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
    # what others do with /usr, which all runs and the host share
    "inotify_init": (253, None),
    "inotify_init1": (294, 26),
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


_DENIED_WITHOUT_NAMESPACES: dict[str, tuple[int, int | None]] = {
    # the host's network, and what listens on its unix sockets
    "connect": (42, 203),
    "bind": (49, 200),
    # the host's mounts
    "statmount": (457, 457),
    "listmount": (458, 458),
}
_DENIED_WITH_A_SHARED_UID: dict[str, tuple[int, int | None]] = {
    # what Landlock does not judge, or not in every version
    "truncate": (76, 45),
    "chown": (92, None),
    "fchown": (93, 55),
    "lchown": (94, None),
    "fchownat": (260, 54),
    "utime": (132, None),
    "utimes": (235, None),
    "futimesat": (261, None),
    "utimensat": (280, 88),
    "setxattr": (188, 5),
    "lsetxattr": (189, 6),
    "fsetxattr": (190, 7),
    "removexattr": (197, 14),
    "lremovexattr": (198, 15),
    "fremovexattr": (199, 16),
    "setxattrat": (463, 463),
    "removexattrat": (466, 466),
    "file_setattr": (469, 469),
    "process_mrelease": (448, 448),
}


@dataclass(frozen=True)
class _Rule:
    """A call that one of its arguments makes a forbidden one."""

    numbers: tuple[int, int | None]
    """As in _DENIED."""
    argument: int
    test: int
    value: int
    error: int = errno.EPERM
    is_denied_if: bool = True
    """The test's result with which the call is denied."""
    pointer: int | None = None
    """An argument without which (NULL) the call is let through nevertheless."""

    def code(self, number: int) -> list[tuple[int, int, int, int]]:
        """For the call `number`, which is loaded before and afterwards."""
        denial = [(_RETURN, 0, 0, _ERRNO | self.error)]
        if self.pointer is not None:
            denial = [
                (_LOAD, 0, 0, self.pointer),
                (_JUMP_EQUAL, 0, 2, 0),
                (_LOAD, 0, 0, self.pointer + _HIGH_WORD),
                (_JUMP_EQUAL, 1, 0, 0),
                *denial,
            ]
        on = len(denial)
        test = (self.test, *((0, on) if self.is_denied_if else (on, 0)), self.value)
        reload = (_LOAD, 0, 0, _NUMBER)
        return [(_JUMP_EQUAL, 0, on + 3, number), (_LOAD, 0, 0, self.argument), test, *denial, reload]


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
    # Its own core limit it may only ask for: see forbid_core_dumps() in box/common.c.
    _Rule(_PRLIMIT64, _ARGUMENT_1, _JUMP_EQUAL, _RLIMIT_CORE, pointer=_ARGUMENT_2),
    _Rule((160, 164), _ARGUMENT_0, _JUMP_EQUAL, _RLIMIT_CORE),  # setrlimit
    # Threads' own numbers must pass (pthread_setaffinity_np), box init's must not.
    _Rule((203, 122), _ARGUMENT_0, _JUMP_EQUAL, 1),  # sched_setaffinity
)

_SETSOCKOPT, _SO_SNDBUF, _SO_RCVBUF = (54, 208), 7, 8

_RULES_WITHOUT_MEMORY_CGROUP = (  # larger buffers
    _Rule(_SETSOCKOPT, _ARGUMENT_2, _JUMP_EQUAL, _SO_SNDBUF),
    _Rule(_SETSOCKOPT, _ARGUMENT_2, _JUMP_EQUAL, _SO_RCVBUF),
)

_SOCKET, _SOCKETPAIR, _FCNTL, _SCHED_SETAFFINITY = (41, 198), (53, 199), (72, 25), (203, 122)
_BUT_STREAMS = 0b1110
"""Bits of a socket's type that SOCK_STREAM has not: a pair of datagram sockets can send to any other."""
_F_SETSIG, _F_SETOWN, _F_SETOWN_EX, _FIOSETOWN, _SIOCSPGRP = 10, 8, 15, 0x8901, 0x8902

_RULES_WITHOUT_NAMESPACES = (
    # A file's owner gets signals, of which the program chooses the number.
    *(_Rule(_FCNTL, _ARGUMENT_1, _JUMP_EQUAL, command) for command in (_F_SETSIG, _F_SETOWN, _F_SETOWN_EX)),
    *(_Rule(_IOCTL, _ARGUMENT_1, _JUMP_EQUAL, request) for request in (_FIOSETOWN, _SIOCSPGRP)),
    _Rule(_SOCKET, _ARGUMENT_0, _JUMP_EQUAL, _AF_UNIX, errno.EAFNOSUPPORT),
    _Rule(_SOCKETPAIR, _ARGUMENT_1, _JUMP_SET, _BUT_STREAMS, errno.EAFNOSUPPORT),
)
_RULES_WITH_A_SHARED_UID = (
    # Linkers make what they made executable. For its owner alone is the one mode that does no harm to
    # other files of the user's.
    *(
        _Rule(numbers, argument, _JUMP_EQUAL, 0o700, is_denied_if=False)
        for numbers, argument in (
            ((90, None), _ARGUMENT_1),  # chmod
            ((91, 52), _ARGUMENT_1),  # fchmod
            ((268, 53), _ARGUMENT_2),  # fchmodat
            ((452, 452), _ARGUMENT_2),  # fchmodat2
        )
    ),
    _Rule(_SCHED_SETAFFINITY, _ARGUMENT_0, _JUMP_EQUAL, 0, is_denied_if=False),
)


def supports(machine: str) -> bool:
    return machine in _MACHINES


def program(
    machine: str,
    *,
    memory_is_counted: bool,
    has_namespaces: bool = True,
    shares_uid: bool = False,
) -> bytes:
    """The filter for `machine` (as `os.uname().machine` says it), as the kernel reads it.

    `memory_is_counted`: a memory cgroup holds the program, so anonymous files and large buffers need no ban.
    `has_namespaces`: what network and processes there are is the sandbox's own, not the host's.
    `shares_uid`: the program has the engine's user id.
    """
    this = _MACHINES[machine]
    denied, rules = dict(_DENIED), list(_RULES)
    if not memory_is_counted:
        rules += _RULES_WITHOUT_MEMORY_CGROUP
    if not has_namespaces:
        denied |= _DENIED_WITHOUT_NAMESPACES
        rules += _RULES_WITHOUT_NAMESPACES
    if shares_uid:
        denied |= _DENIED_WITH_A_SHARED_UID
        rules += _RULES_WITH_A_SHARED_UID
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
    for pair in denied.values():
        number = pair[this.column]
        if number is not None:
            add(_JUMP_EQUAL, number, 0, 1)
            add(_RETURN, _ERRNO | errno.EPERM)
    for rule in rules:
        number = rule.numbers[this.column]
        if number is not None:
            code += rule.code(number)
    add(_RETURN, _ALLOW)
    return b"".join(struct.pack("=HBBI", *instruction) for instruction in code)
