import { arch } from 'node:process';
import { syscallNumbers } from '../seccomp/numbers.ts';
import type { RunChange, SandboxFixture } from './fixture.ts';

export const HOST_NUMBERS = syscallNumbers(arch === 'arm64' ? 'aarch64' : 'x86_64');

/** Calls that lead out, or to parts of the kernel that nobody here needs (attacks 57 to 63). */
export const FORBIDDEN_CALLS: Readonly<Record<string, readonly (number | string)[]>> = {
  io_uring_setup: [8, 0],
  io_uring_enter: [0, 0, 0, 0],
  io_uring_register: [0, 0, 0],
  ptrace: [0, 0, 0, 0],
  process_vm_readv: [1, 0, 0, 0, 0, 0],
  process_vm_writev: [1, 0, 0, 0, 0, 0],
  pidfd_getfd: [0, 0, 0],
  kcmp: [1, 1, 0, 0, 0],
  userfaultfd: [0],
  bpf: [0, 0, 0],
  perf_event_open: [0, 0, -1, -1, 0],
  keyctl: [0, 0],
  add_key: ['user', 'x', 'y', 1, 0],
  request_key: ['user', 'x', 0, 0],
  setns: [0, 0],
  unshare: [0x10000000],
  clone: [0x10000011, 0, 0, 0, 0],
  clone3: [0, 0],
  mount: ['none', '/tmp', 'tmpfs', 0, 0],
  umount2: ['/tmp', 2],
  open_tree: [0, '/', 0],
  fsopen: ['tmpfs', 0],
  move_mount: [0, '', 0, '', 0],
  mount_setattr: [0, '/', 0, 0, 0],
  pivot_root: ['/', '/'],
  chroot: ['/tmp'],
  kexec_load: [0, 0, 0, 0],
  init_module: [0, 0, ''],
  finit_module: [0, '', 0],
  name_to_handle_at: [0, '/', 0, 0, 0],
  open_by_handle_at: [0, 0, 0],
  fanotify_init: [0, 0],
  quotactl: [0, '', 0, 0],
  sethostname: ['x', 1],
  swapon: ['/tmp/x', 0],
  memfd_create: ['x', 0],
  memfd_secret: [0],
  execveat: [0, '', 0, 0, 0x1000],
  syslog: [3, 0, 0],
  fchmodat: [-100, '/workspace', 0o4755],
};

/** Families and protocols that are not TCP, UDP or Unix (attacks 51 to 53). */
export const FORBIDDEN_SOCKETS: Readonly<Record<string, readonly [number, number, number]>> = {
  netlink: [16, 3, 0],
  packet: [17, 3, 0],
  vsock: [40, 1, 0],
  alg: [38, 5, 0],
  bluetooth: [31, 3, 0],
  xdp: [44, 3, 0],
  raw4: [2, 3, 1],
  raw6: [10, 3, 58],
  ping: [2, 2, 1],
  sctp: [2, 1, 132],
  mptcp: [2, 1, 262],
};

/** Values as Perl source. */
export function perlList(values: readonly (number | string)[]): string {
  return values.map((value) => (typeof value === 'string' ? `"${value}"` : value)).join(', ');
}

/** A static program of 64 bits that asks by the door of 32 bits: `exit(42)` through int 0x80. */
export function thirtyTwoBitCall(): Uint8Array {
  const code = [0xb8, 1, 0, 0, 0, 0xbb, 42, 0, 0, 0, 0xcd, 0x80];
  const base = 0x400000;
  const file = Buffer.alloc(120 + code.length);
  file.set([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1]);
  file.writeUInt16LE(2, 16);
  file.writeUInt16LE(62, 18);
  file.writeUInt32LE(1, 20);
  file.writeBigUInt64LE(BigInt(base + 120), 24);
  file.writeBigUInt64LE(64n, 32);
  file.writeUInt16LE(64, 52);
  file.writeUInt16LE(56, 54);
  file.writeUInt16LE(1, 56);
  file.writeUInt32LE(1, 64);
  file.writeUInt32LE(5, 68);
  file.writeBigUInt64LE(BigInt(base), 80);
  file.writeBigUInt64LE(BigInt(base), 88);
  file.writeBigUInt64LE(BigInt(file.length), 96);
  file.writeBigUInt64LE(BigInt(file.length), 104);
  file.set(code, 120);
  return file;
}

/** Make one system call from inside, in Perl, which every Debian has; resolves to its errno, 0 when it worked. */
export async function errnoInside(
  fixture: SandboxFixture,
  call: string | number,
  values: readonly (number | string)[] = [],
  change: RunChange = {},
): Promise<number> {
  const number = typeof call === 'number' ? call : HOST_NUMBERS.get(call);
  if (number === undefined) throw new Error(`${call} is not a system call of this machine`);
  const list = [number, ...values.map((value) => (typeof value === 'string' ? `"${value}"` : value))].join(
    ', ',
  );
  const script = `my @call = (${list}); my $r = syscall(shift @call, @call); print $r == -1 ? $!+0 : 0;`;
  const { out, err } = await fixture.run(['/usr/bin/perl', '-e', script], change);
  if (!/^\d+$/.test(out)) throw new Error(`perl said: ${out} ${err}`);
  return Number(out);
}
