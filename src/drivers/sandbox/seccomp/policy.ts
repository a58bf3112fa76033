/**
 * What a sandboxed program may ask of the kernel. Only what is named here is allowed: a call that the
 * headers know but this list does not is EPERM, and one that they do not know yet is ENOSYS, which libc
 * takes as "older kernel" and works around.
 *
 * Left out on purpose (attacks 52, 53, 57-63): io_uring_*, ptrace, process_vm_*, process_madvise, kcmp,
 * pidfd_getfd, userfaultfd, bpf, perf_event_open, keyctl, add_key, request_key, the mount family (old and
 * new), pivot_root, chroot, setns, unshare, kexec_*, *_module, open_by_handle_at, name_to_handle_at,
 * fanotify_*, quotactl*, swap*, reboot, clock and host name setters, io_setup and friends, modify_ldt,
 * iopl, ioperm, syslog, acct, seccomp, vmsplice, and memfd_create, memfd_secret and execveat, which
 * together run code that never was a file.
 */
const FILES = `
  read write close stat fstat lstat newfstatat statx lseek pread64 pwrite64 readv writev preadv pwritev
  preadv2 pwritev2 access faccessat faccessat2 close_range dup dup2 dup3 pipe pipe2
  fcntl flock fsync fdatasync sync syncfs sync_file_range truncate ftruncate fallocate fadvise64 readahead
  getdents getdents64 getcwd chdir fchdir rename renameat renameat2 mkdir mkdirat rmdir link linkat unlink
  unlinkat symlink symlinkat readlink readlinkat chown fchown lchown fchownat umask
  utime utimes utimensat futimesat statfs fstatfs sendfile copy_file_range splice tee
  setxattr lsetxattr fsetxattr getxattr lgetxattr fgetxattr listxattr llistxattr flistxattr removexattr
  lremovexattr fremovexattr inotify_init inotify_init1 inotify_add_watch inotify_rm_watch
  landlock_create_ruleset landlock_add_rule landlock_restrict_self`;

const WAITING = `
  poll ppoll select pselect6 epoll_create epoll_create1 epoll_ctl epoll_ctl_old epoll_wait epoll_wait_old
  epoll_pwait epoll_pwait2 eventfd eventfd2 signalfd signalfd4 timerfd_create timerfd_settime
  timerfd_gettime nanosleep clock_nanosleep clock_gettime clock_getres gettimeofday time getitimer
  setitimer alarm timer_create timer_settime timer_gettime timer_getoverrun timer_delete pause
  futex futex_waitv set_robust_list get_robust_list restart_syscall`;

const MEMORY = `
  mmap mprotect munmap brk mremap msync mincore madvise mlock mlock2 munlock mlockall munlockall
  pkey_mprotect pkey_alloc pkey_free membarrier rseq`;

const PROCESSES = `
  fork vfork execve exit exit_group wait4 waitid kill tkill tgkill pidfd_open pidfd_send_signal
  rt_sigaction rt_sigprocmask rt_sigreturn rt_sigpending rt_sigtimedwait rt_sigqueueinfo rt_tgsigqueueinfo
  rt_sigsuspend sigaltstack getpid getppid gettid getpgid getpgrp setpgid getsid setsid set_tid_address
  getuid geteuid getgid getegid getgroups getresuid getresgid setuid setgid setreuid setregid setresuid
  setresgid setfsuid setfsgid setgroups capget capset prctl arch_prctl set_thread_area get_thread_area
  getrlimit getrusage times sysinfo uname getcpu getrandom getpriority setpriority
  sched_yield sched_getaffinity sched_setaffinity sched_getparam sched_setparam sched_getscheduler
  sched_setscheduler sched_getattr sched_setattr sched_get_priority_max sched_get_priority_min
  sched_rr_get_interval ioprio_get ioprio_set`;

const COMMUNICATION = `
  connect accept accept4 bind listen sendto recvfrom sendmsg recvmsg sendmmsg recvmmsg shutdown getsockname
  getpeername setsockopt getsockopt shmget shmat shmctl shmdt semget semop semtimedop semctl msgget msgsnd
  msgrcv msgctl mq_open mq_unlink mq_timedsend mq_timedreceive mq_notify mq_getsetattr`;

/** Allowed whatever the arguments; names that an architecture does not have are passed over. */
export const ALLOWED: readonly string[] = [FILES, WAITING, MEMORY, PROCESSES, COMMUNICATION].flatMap(
  (group) => group.trim().split(/\s+/),
);

export const EPERM = 1;
export const EINVAL = 22;
export const EAFNOSUPPORT = 97;
export const EPROTONOSUPPORT = 93;
export const ENOSYS = 38;

/** One test of the low 32 bits of an argument; what fails it is answered with `errno`. */
export type ArgumentRule =
  | {
      readonly argument: number;
      readonly oneOf: readonly number[];
      /** Bits that do not count in the comparison. */
      readonly ignore?: number;
      readonly errno: number;
    }
  | { readonly argument: number; readonly noneOf: readonly number[]; readonly errno: number }
  | { readonly argument: number; readonly noBits: number; readonly errno: number };

/** CLONE_NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID, NEWNET (include/uapi/linux/sched.h). */
const NEW_NAMESPACES = 0x7e02_0000;
const AF_UNIX = 1;
const AF_INET = 2;
const AF_INET6 = 10;
const SOCK_STREAM = 1;
const SOCK_DGRAM = 2;
/** SOCK_NONBLOCK | SOCK_CLOEXEC */
const SOCK_FLAGS = 0x8_0800;
const IPPROTO_TCP = 6;
const IPPROTO_UDP = 17;
const TIOCSTI = 0x5412;
const TIOCLINUX = 0x541c;
const TIOCSETD = 0x5423;
/**
 * Set to 1 from outside and never changed: to the kernel 1 alone means that a crash starts no program of the host
 * (core(5), "Piping core dumps to a program"; with 0 it would). Programs that care take EINVAL for "not there".
 */
const RLIMIT_CORE = 4;
/** S_ISUID and S_ISGID (inode(7)). */
const SET_ID = 0o6000;
const PER_LINUX = 0;
const PER_QUERY = 0xffff_ffff;

/**
 * Calls by which argument is the mode. What a run leaves in a workspace belongs to the gateway's account on the
 * host: with such a bit it would be a way to that account for everyone there who can reach the file (attack 66).
 */
function withoutSetId(modes: Readonly<Record<string, number>>): Record<string, readonly ArgumentRule[]> {
  return Object.fromEntries(
    Object.entries(modes).map(([call, argument]) => [call, [{ argument, noBits: SET_ID, errno: EPERM }]]),
  );
}

/**
 * Allowed only for these arguments. A family that nobody here needs answers EAFNOSUPPORT, as a kernel
 * without it would: getaddrinfo takes that from AF_NETLINK and goes on.
 */
export const CHECKED: Readonly<Record<string, readonly ArgumentRule[]>> = {
  clone: [{ argument: 0, noBits: NEW_NAMESPACES, errno: EPERM }],
  setrlimit: [{ argument: 0, noneOf: [RLIMIT_CORE], errno: EINVAL }],
  prlimit64: [{ argument: 1, noneOf: [RLIMIT_CORE], errno: EINVAL }],
  personality: [{ argument: 0, oneOf: [PER_LINUX, PER_QUERY], errno: EPERM }],
  ioctl: [{ argument: 1, noneOf: [TIOCSTI, TIOCLINUX, TIOCSETD], errno: EPERM }],
  socket: [
    { argument: 0, oneOf: [AF_UNIX, AF_INET, AF_INET6], errno: EAFNOSUPPORT },
    { argument: 1, oneOf: [SOCK_STREAM, SOCK_DGRAM], ignore: SOCK_FLAGS, errno: EPROTONOSUPPORT },
    { argument: 2, oneOf: [0, IPPROTO_TCP, IPPROTO_UDP], errno: EPROTONOSUPPORT },
  ],
  ...withoutSetId({ open: 2, openat: 3, creat: 1, chmod: 1, fchmod: 1, fchmodat: 2, mknod: 1, mknodat: 2 }),
  socketpair: [{ argument: 0, oneOf: [AF_UNIX], errno: EAFNOSUPPORT }],
};

/** Known, but answered as if the kernel were older, so that libc uses what can be checked (clone, openat). */
export const ABSENT: readonly string[] = ['clone3', 'openat2', 'memfd_create', 'memfd_secret'];
