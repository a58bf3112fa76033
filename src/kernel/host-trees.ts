/**
 * Host directories that hold credentials, devices or sockets (attacks 55, 67): nothing in them is ever mounted into a
 * run, and nothing that contains them. Configuration refuses them by name, the sandbox once more when it mounts.
 */
export const FORBIDDEN_HOST_TREES: readonly string[] = [
  '/proc',
  '/sys',
  '/dev',
  '/etc',
  '/boot',
  '/run',
  '/var/run',
  '/var/lib/docker',
  '/var/lib/containerd',
  '/var/lib/containers',
  '/var/lib/kubelet',
  '/var/spool/cron',
  '/tmp/.X11-unix',
  '/tmp/.ICE-unix',
];
