import { type ChildProcess, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Engine } from './engine.ts';

const HOME_LABEL = 'gatehouse.home';
const OWNER_LABEL = 'gatehouse.owner';
const CONTROL_PREFIX = 'oci-';

/** Seconds since the machine started, in clock ticks, at which a process began (proc(5), field 22); '' for none. */
function birthOf(pid: number): string {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? '';
  } catch {
    return '';
  }
}

/** A process by more than its number, which the kernel gives out again. */
export function ownerName(pid: number): string {
  return `${pid}-${birthOf(pid)}`;
}

function isAlive(owner: string): boolean {
  const [pid = '', birth = ''] = owner.split('-');
  return birth !== '' && birthOf(Number(pid)) === birth;
}

/** Which install a container belongs to, without telling other users of the engine where that is. */
function homeName(workDir: string): string {
  return createHash('sha256').update(workDir).digest('hex').slice(0, 32);
}

export function labelsOf(workDir: string): Readonly<Record<string, string>> {
  return { [HOME_LABEL]: homeName(workDir), [OWNER_LABEL]: ownerName(process.pid) };
}

/** Host directory of one container's pipes; the name says whose it is. */
export function controlDirectory(workDir: string, id: string): string {
  return join(workDir, `${CONTROL_PREFIX}${ownerName(process.pid)}-${id}`);
}

/** Take away what processes of this install that are no more have left: containers first, then their directories. */
export async function removeLeftovers(engine: Engine, workDir: string): Promise<void> {
  const format = `{{.ID}} {{.Label "${OWNER_LABEL}"}}`;
  const filter = `label=${HOME_LABEL}=${homeName(workDir)}`;
  const answer = await engine.ask(['ps', '--all', '--no-trunc', '--filter', filter, '--format', format]);
  for (const line of answer.ok ? answer.out.split('\n') : []) {
    const [id = '', owner = ''] = line.trim().split(' ');
    if (id !== '' && !isAlive(owner)) await engine.remove(id);
  }
  for (const name of readdirSync(workDir)) {
    const owner = /^oci-(\d+-\d+)-/.exec(name)?.[1];
    if (owner !== undefined && !isAlive(owner)) rmSync(join(workDir, name), { recursive: true, force: true });
  }
}

/**
 * A shell that waits for this process to end, however it ends, and then removes its containers: they belong to the
 * engine and would outlive a gateway that was killed. The next start looks once more.
 */
export function watchOver(engine: Engine): ChildProcess {
  const filter = `label=${OWNER_LABEL}=${ownerName(process.pid)}`;
  const now = engine.name === 'podman' ? '--time 0' : '';
  const script = `while read -r _; do :; done
    ids=$("$0" ps --all --quiet --no-trunc --filter "$1") && [ -n "$ids" ] && exec "$0" rm --force --volumes ${now} $ids`;
  const child = spawn('/bin/sh', ['-c', script, engine.program, filter], {
    cwd: '/',
    env: { ...engine.env },
    stdio: ['pipe', 'ignore', 'ignore'],
    // Ctrl-C in the gateway's terminal goes to its whole process group; this one must outlive it for a moment.
    detached: true,
  });
  child.on('error', () => undefined);
  child.unref();
  (child.stdin as unknown as { unref?: () => void } | null)?.unref?.();
  return child;
}
