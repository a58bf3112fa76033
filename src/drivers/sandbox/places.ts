/** Directories in which programs of a system are looked for, outside and inside. */
export const SYSTEM_PROGRAM_DIRS: readonly string[] = [
  '/usr/local/bin',
  '/usr/bin',
  '/bin',
  '/usr/local/sbin',
  '/usr/sbin',
  '/sbin',
];

/** Where things stand inside a run, whatever the backend. */
export const INSIDE = {
  tools: '/opt/gatehouse',
  node: '/opt/gatehouse/node',
  prlimit: '/opt/gatehouse/prlimit',
  bridge: '/opt/gatehouse/bridge.mjs',
  egressSocket: '/run/gatehouse/egress.sock',
  trust: '/run/gatehouse/certificates.pem',
} as const;

/** User and group of every run, inside. */
export const INSIDE_UID = 1000;
