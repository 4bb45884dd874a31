"""A process that may less, to imitate other machines: it takes its own rights away, for good.

As a program it then becomes a command:

    python -m tests.engine.confined [--without-user-namespaces] [--like-a-container] [--uid N] -- COMMAND...
"""

from __future__ import annotations

import argparse
import ctypes
import errno
import os
import struct

_CLONE_NEWUSER, _CLONE_NEW_ANYTHING = 0x10000000, 0x7E020000
_CLONE, _UNSHARE, _CLONE3, _SETNS, _MOUNT = {
    "x86_64": (56, 272, 435, 308, 165),
    "aarch64": (220, 97, 435, 268, 40),
}[os.uname().machine]
_LOAD, _JUMP_EQUAL, _JUMP_SET, _RETURN = 0x20, 0x15, 0x45, 0x06
_ALLOW, _ERRNO = 0x7FFF0000, 0x00050000
_NUMBER, _ARGUMENT_0 = 0, 16
_CONTAINERS_RIGHTS = {0, 1, 3, 4, 5, 6, 7, 8, 10, 13, 18, 27, 29, 31}
"""What Docker leaves root: CAP_CHOWN, DAC_OVERRIDE, FOWNER, FSETID, KILL, SETGID, SETUID, SETPCAP,
NET_BIND_SERVICE, NET_RAW, SYS_CHROOT, MKNOD, AUDIT_WRITE and SETFCAP."""
_PR_CAPBSET_DROP, _LAST_RIGHT = 24, 40
_PR_SET_NO_NEW_PRIVS, _PR_SET_SECCOMP, _MODE_FILTER = 38, 22, 2


def forbid_user_namespaces() -> None:
    """As with user.max_user_namespaces=0, for this process and all that it starts."""
    _install(
        (_LOAD, 0, 0, _NUMBER),
        (_JUMP_EQUAL, 0, 1, _CLONE3),
        (_RETURN, 0, 0, _ERRNO | errno.ENOSYS),  # its flags lie in memory, where no filter can look
        (_JUMP_EQUAL, 1, 0, _CLONE),
        (_JUMP_EQUAL, 0, 3, _UNSHARE),
        (_LOAD, 0, 0, _ARGUMENT_0),
        (_JUMP_SET, 0, 1, _CLONE_NEWUSER),
        (_RETURN, 0, 0, _ERRNO | errno.ENOSPC),
        (_RETURN, 0, 0, _ALLOW),
    )


def act_like_a_container() -> None:
    """As root in a default container of Docker's, from the next exec on: few rights, and no new namespaces."""
    _install(
        (_LOAD, 0, 0, _NUMBER),
        (_JUMP_EQUAL, 0, 1, _CLONE3),
        (_RETURN, 0, 0, _ERRNO | errno.ENOSYS),
        (_JUMP_EQUAL, 5, 0, _UNSHARE),
        (_JUMP_EQUAL, 4, 0, _SETNS),
        (_JUMP_EQUAL, 3, 0, _MOUNT),
        (_JUMP_EQUAL, 0, 3, _CLONE),
        (_LOAD, 0, 0, _ARGUMENT_0),
        (_JUMP_SET, 0, 1, _CLONE_NEW_ANYTHING),
        (_RETURN, 0, 0, _ERRNO | errno.EPERM),
        (_RETURN, 0, 0, _ALLOW),
    )
    for right in range(_LAST_RIGHT + 1):
        if right not in _CONTAINERS_RIGHTS:
            _prctl(_PR_CAPBSET_DROP, right)


def become(uid: int) -> None:
    os.setgroups([])
    os.setresgid(uid, uid, uid)
    os.setresuid(uid, uid, uid)


def _install(*instructions: tuple[int, int, int, int]) -> None:
    """Have the kernel ask a filter of `instructions` (code, jt, jf, k) about every system call."""
    code = ctypes.create_string_buffer(b"".join(struct.pack("=HBBI", *it) for it in instructions))
    program = ctypes.create_string_buffer(struct.pack("@HP", len(instructions), ctypes.addressof(code)))
    if os.geteuid() != 0:
        _prctl(_PR_SET_NO_NEW_PRIVS, 1)
    _prctl(_PR_SET_SECCOMP, _MODE_FILTER, ctypes.addressof(program))


def _prctl(*arguments: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    padded = [*arguments, 0, 0, 0, 0][:5]
    if libc.prctl(*map(ctypes.c_ulong, padded)):
        raise OSError(ctypes.get_errno(), "prctl")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--without-user-namespaces", action="store_true")
    parser.add_argument("--like-a-container", action="store_true")
    parser.add_argument("--uid", type=int)
    parser.add_argument("command", nargs="+")
    options = parser.parse_args()
    if options.without_user_namespaces:
        forbid_user_namespaces()
    if options.like_a_container:
        act_like_a_container()
    if options.uid is not None:
        become(options.uid)
    os.execvp(options.command[0], options.command)


if __name__ == "__main__":
    main()
