import { readdir, readFile, stat } from 'node:fs/promises';
import type { Collector } from './collector.ts';
import { hitsIn, type Unpacker } from './patterns.ts';

const NOTHING_PACKED: Unpacker = { gunzip: () => undefined };
const MAX_COMMAND_CHARS = 15;

/**
 * Look through the environment and the arguments of every process of this account but this one. Linux only: elsewhere
 * a process does not see another's environment.
 */
export async function scanProcesses(collector: Collector, signal: AbortSignal): Promise<void> {
  const uid = process.getuid?.();
  for (const pid of await readdir('/proc')) {
    if (!/^\d+$/.test(pid) || Number(pid) === process.pid) continue;
    signal.throwIfAborted();
    try {
      if ((await stat(`/proc/${pid}`)).uid === uid) await scanProcess(collector, pid);
    } catch (cause) {
      const { code } = cause as NodeJS.ErrnoException;
      const isGone = code === 'ENOENT' || code === 'ESRCH';
      collector.skip({ file: `process ${pid}`, member: [] }, isGone ? 'vanished' : 'unreadable');
    }
    collector.endFile();
  }
}

async function scanProcess(collector: Collector, pid: string): Promise<void> {
  const command = (await readFile(`/proc/${pid}/comm`, 'utf8')).trim().slice(0, MAX_COMMAND_CHARS);
  const file = `process ${pid} (${command})`;
  collector.processes += 1;
  const parts: [from: 'environ' | 'cmdline', text: string][] = [];
  for (const from of ['environ', 'cmdline'] as const)
    parts.push([from, (await readFile(`/proc/${pid}/${from}`)).toString('latin1')]);
  for (const [from, text] of parts) {
    collector.bytes += text.length;
    for (const [index, one] of text.split('\0').entries()) {
      const where = from === 'environ' ? `variable ${one.split('=')[0] ?? ''}` : `argument ${index}`;
      for (const { at, ...hit } of hitsIn(one, NOTHING_PACKED))
        collector.found({ file, member: [where] }, { ...hit, offset: at, line: null, column: null });
    }
  }
}
