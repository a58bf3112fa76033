import { readdirSync, readFileSync } from 'node:fs';

/** Where runs see folders of the host. */
const INSIDE = /^\/(?:workspace|mnt|data)(?:\/|$)/;

/**
 * Whether a process of this machine sees the folder of the host, or one that it lies in, as a folder of a run
 * (proc_pid_mountinfo(5): field 4 is the path inside the file system, field 5 where it is mounted).
 */
export function isMountedElsewhere(folder: string): boolean {
  const processes = readdirSync('/proc').filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid);
  return processes.some((pid) => {
    let text: string;
    try {
      text = readFileSync(`/proc/${pid}/mountinfo`, 'utf8');
    } catch {
      // It ended, or is somebody else's.
      return false;
    }
    return text.split('\n').some((line) => {
      const [, , , root = '', at = ''] = line.split(' ');
      return root !== '/' && INSIDE.test(at) && `${folder}/`.includes(`${root}/`);
    });
  });
}
