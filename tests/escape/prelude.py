"""What every attempt begins with: raw system calls, and how an attempt says what stopped it.

Runs `attempt.py` and prints one line, `outcome: ...`. A program that reaches its end has
broken out.
"""

import ctypes
import errno
import os
import sys
import traceback

# Number on x86-64, number on aarch64; None where that processor never had the call.
NUMBERS = {
    "acct": (163, 89),
    "add_key": (248, 217),
    "adjtimex": (159, 171),
    "bpf": (321, 280),
    "capset": (126, 91),
    "chroot": (161, 51),
    "clock_adjtime": (305, 266),
    "clock_settime": (227, 112),
    "clone": (56, 220),
    "clone3": (435, 435),
    "delete_module": (176, 106),
    "execveat": (322, 281),
    "fanotify_init": (300, 262),
    "finit_module": (313, 273),
    "fsopen": (430, 430),
    "getsockopt": (55, 209),
    "init_module": (175, 105),
    "inotify_init1": (294, 26),
    "io_uring_enter": (426, 426),
    "io_uring_register": (427, 427),
    "io_uring_setup": (425, 425),
    "ioctl": (16, 29),
    "ioperm": (173, None),
    "iopl": (172, None),
    "kcmp": (312, 272),
    "kexec_file_load": (320, 294),
    "kexec_load": (246, 104),
    "keyctl": (250, 219),
    "landlock_create_ruleset": (444, 444),
    "lookup_dcookie": (212, 18),
    "memfd_create": (319, 279),
    "memfd_secret": (447, 447),
    "mknodat": (259, 33),
    "modify_ldt": (154, None),
    "mount": (165, 40),
    "mount_setattr": (442, 442),
    "move_mount": (429, 429),
    "move_pages": (279, 239),
    "mq_open": (240, 180),
    "msgget": (68, 186),
    "name_to_handle_at": (303, 264),
    "open_by_handle_at": (304, 265),
    "open_tree": (428, 428),
    "openat2": (437, 437),
    "perf_event_open": (298, 241),
    "personality": (135, 92),
    "pidfd_getfd": (438, 438),
    "pidfd_open": (434, 434),
    "pidfd_send_signal": (424, 424),
    "pivot_root": (155, 41),
    "prctl": (157, 167),
    "prlimit64": (302, 261),
    "process_madvise": (440, 440),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "ptrace": (101, 117),
    "quotactl": (179, 60),
    "reboot": (169, 142),
    "renameat2": (316, 276),
    "request_key": (249, 218),
    "rt_tgsigqueueinfo": (297, 240),
    "seccomp": (317, 277),
    "semget": (64, 190),
    "setdomainname": (171, 162),
    "setgid": (106, 144),
    "setgroups": (116, 159),
    "sethostname": (170, 161),
    "setns": (308, 268),
    "setresuid": (117, 147),
    "settimeofday": (164, 170),
    "setuid": (105, 146),
    "setxattr": (188, 5),
    "shmget": (29, 194),
    "socket": (41, 198),
    "statmount": (457, 457),
    "swapoff": (168, 225),
    "swapon": (167, 224),
    "syslog": (103, 116),
    "tgkill": (234, 131),
    "umount2": (166, 39),
    "unshare": (272, 97),
    "userfaultfd": (323, 282),
    "vmsplice": (278, 75),
}
PROCESSOR = 1 if os.uname().machine == "aarch64" else 0

libc = ctypes.CDLL(None, use_errno=True)
libc.syscall.restype = ctypes.c_long


class Nothing(Exception):
    """No error, and nothing gained either."""


def nothing():
    """Say that the attempt was let through, and what it got is worth nothing."""
    raise Nothing


def raw(number, *arguments):
    """Make a system call by number; bytes are passed as pointers."""
    passed = [a if isinstance(a, bytes) else ctypes.c_long(a) for a in arguments]
    result = libc.syscall(ctypes.c_long(number), *passed)
    if result == -1:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
    return result


def call(name, *arguments):
    """Make a system call by name."""
    return raw(NUMBERS[name][PROCESSOR], *arguments)


def quietly(action, *arguments):
    """Try it, whatever comes of it: for runs that leave a trap for the next one."""
    try:
        return action(*arguments)
    except (OSError, ValueError):
        return None


def write(path, text="x"):
    """Write a file, open for writing alone."""
    with open(path, "w") as file:
        file.write(text)


def channel():
    """Return the number of the descriptor that leads to the host."""
    import stat

    for number in range(3, 64):
        try:
            if stat.S_ISSOCK(os.fstat(number).st_mode):
                return number
        except OSError:
            pass
    raise AssertionError("there is no channel")


def outcome():
    """Run the attempt; return what stopped it."""
    try:
        with open("attempt.py", encoding="utf-8") as file:
            code = compile(file.read(), "attempt.py", "exec")
        exec(code, globals())
    except Nothing:
        return "nothing"
    except OSError as error:
        traceback.print_exc()
        return errno.errorcode.get(error.errno, "raises " + type(error).__name__)
    except Exception as error:
        traceback.print_exc()
        return "raises " + type(error).__name__
    return "went through"


# Named for the runner, which looks for whoever of this name outlives the run.
call("prctl", 15, b"@PROCESS@")
stopped = outcome()
sys.stderr.flush()
print("\noutcome: " + stopped, flush=True)
os._exit(0 if stopped == "went through" else 3)
