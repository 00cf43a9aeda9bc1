"""What hostile code tries; prints which attempts succeeded."""

import ctypes, os, signal, socket, subprocess, sys, mmap, fcntl, resource, time

libc = ctypes.CDLL(None, use_errno=True)
libc.syscall.restype = ctypes.c_long


def call(number, *args):
    if libc.syscall(ctypes.c_long(number), *[ctypes.c_long(a) for a in args]) == -1:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def write(path, text="x"):
    with open(path, "w") as f:
        f.write(text)


def absent(condition, what):
    if not condition:
        raise OSError(what)


here = os.getcwd()
attempts = {
    "tcp": lambda: socket.socket(),
    "udp": lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM),
    "unix": lambda: socket.socket(socket.AF_UNIX),
    "netlink": lambda: socket.socket(16, 3, 0),
    "vsock": lambda: socket.socket(40, 1, 0),
    "raw": lambda: socket.socket(socket.AF_INET, socket.SOCK_RAW, 1),
    "shadow": lambda: open("/etc/shadow"),
    "root's home": lambda: os.listdir("/root/.ssh"),
    "home": lambda: os.listdir("/home"),
    "machine's root": lambda: os.listdir("/var"),
    "etc": lambda: write("/etc/x"),
    "passwd": lambda: write("/etc/passwd"),
    "usr": lambda: write("/usr/x"),
    "root": lambda: write("/x"),
    "interpreter": lambda: write(os.path.join(sys.base_prefix, "x")),
    "environment": lambda: write(os.path.join(sys.path[-1], "x")),
    "tmp": lambda: write("/tmp/x"),
    "dev": lambda: write("/dev/x"),
    "kvm": lambda: open("/dev/kvm"),
    "mem": lambda: open("/dev/mem"),
    "init environment": lambda: open("/proc/1/environ").read(),
    "init memory": lambda: open("/proc/1/mem"),
    "init descriptors": lambda: os.listdir("/proc/1/fd"),
    "sysctl": lambda: write("/proc/sys/kernel/core_pattern"),
    "sys": lambda: os.listdir("/sys"),
    "cgroup": lambda: os.listdir("/sys/fs/cgroup"),
    "dot dot": lambda: open(here + "/../../var/log/dmesg"),
    "link": lambda: (os.symlink("/etc/shadow", "l"), open("l")),
    "hard link": lambda: os.link("/etc/passwd", "h"),
    "device": lambda: os.mknod("n", 0o20666, os.makedev(1, 1)),
    "exec scratch": lambda: (
        write("s", "#!/bin/sh\n"),
        os.chmod("s", 0o755),
        subprocess.run(["./s"], check=True),
    ),
    "suid": lambda: absent(
        subprocess.run(["/bin/su", "-c", "id"], capture_output=True).returncode == 0, "su"
    ),
    "setuid": lambda: os.setuid(0),
    "setgid": lambda: os.setgid(0),
    "setgroups": lambda: os.setgroups([0]),
    "chown": lambda: (write("c"), os.chown("c", 12345, 12345)),
    "chroot": lambda: os.chroot("/"),
    "nice": lambda: os.nice(-5),
    "raise limit": lambda: resource.setrlimit(resource.RLIMIT_NPROC, (9999, 9999)),
    "kill init": lambda: (os.kill(1, 9), time.sleep(0.2), absent(False, "still here")),
    "kill outside": lambda: (
        [os.kill(n, 0) for n in range(3, 40) if n != os.getpid()] and absent(False, "")
    ),
    "terminal": lambda: fcntl.ioctl(1, 0x5412, b"x"),
    "ptrace me": lambda: call(PTRACE, 0, 0, 0, 0),
    "ptrace init": lambda: call(PTRACE, 16, 1, 0, 0),
    "process_vm_readv": lambda: call(VM_READ, 1, 0, 0, 0, 0, 0),
    "unshare user": lambda: call(UNSHARE, 0x10000000),
    "unshare net": lambda: call(UNSHARE, 0x40000000),
    "clone user": lambda: call(CLONE, 0x10000000 | 17, 0, 0, 0, 0),
    "clone3": lambda: call(435, 0, 0),
    "mount": lambda: call(MOUNT, 0, 0, 0, 0, 0),
    "open_tree": lambda: call(428, 0, 0, 0),
    "fsopen": lambda: call(430, 0, 0),
    "setns": lambda: call(SETNS, 0, 0),
    "bpf": lambda: call(BPF, 0, 0, 0),
    "perf": lambda: call(PERF, 0, 0, 0, 0, 0),
    "io_uring": lambda: call(425, 1, 0),
    "userfaultfd": lambda: call(UFFD, 0),
    "keyctl": lambda: call(KEYCTL, 0, 0),
    "add_key": lambda: call(ADD_KEY, 0, 0, 0, 0, 0),
    "pidfd_getfd": lambda: call(438, 0, 0, 0),
    "shmget": lambda: call(SHMGET, 0, 4096, 0o1600),
    "open_by_handle": lambda: call(HANDLE, 0, 0, 0),
    "kexec": lambda: call(KEXEC, 0, 0, 0, 0),
    "reboot": lambda: call(REBOOT, 0, 0, 0, 0),
    "syslog": lambda: call(SYSLOG, 3, 0, 0),
    "personality": lambda: call(PERSONALITY, 0x40000),
    "seccomp": lambda: call(SECCOMP, 0, 0, 0),
    "sethostname": lambda: socket.sethostname("x"),
    "time": lambda: time.clock_settime(time.CLOCK_REALTIME, 0),
}
x86 = dict(
    PTRACE=101,
    VM_READ=310,
    UNSHARE=272,
    CLONE=56,
    MOUNT=165,
    SETNS=308,
    BPF=321,
    PERF=298,
    UFFD=323,
    KEYCTL=250,
    ADD_KEY=248,
    SHMGET=29,
    HANDLE=304,
    KEXEC=246,
    REBOOT=169,
    SYSLOG=103,
    PERSONALITY=135,
    SECCOMP=317,
)
arm = dict(
    PTRACE=117,
    VM_READ=270,
    UNSHARE=97,
    CLONE=220,
    MOUNT=40,
    SETNS=268,
    BPF=280,
    PERF=241,
    UFFD=282,
    KEYCTL=219,
    ADD_KEY=217,
    SHMGET=194,
    HANDLE=265,
    KEXEC=104,
    REBOOT=142,
    SYSLOG=116,
    PERSONALITY=92,
    SECCOMP=277,
)
globals().update(arm if os.uname().machine == "aarch64" else x86)
succeeded = []
for name, attempt in attempts.items():
    try:
        attempt()
    except (OSError, ValueError, subprocess.SubprocessError) as error:
        continue
    else:
        succeeded.append(name)
print("succeeded:", succeeded)
