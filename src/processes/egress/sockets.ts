import { mkdirSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { answers } from '../answers.ts';
import { EGRESS_PROCESS_CODES } from './codes.ts';

/** Milliseconds that an earlier egress may take to end before this one gives up. */
const TAKEOVER_MS = 10_000;
const TAKEOVER_STEP_MS = 50;

export interface EgressSockets {
  readonly control: string;
  readonly provider: string;
  readonly runs: string;
  /** Where the masker brings credentials of workspaces. */
  readonly values: string;
}

export function egressSockets(run: string): EgressSockets {
  return {
    control: join(run, 'egress.sock'),
    provider: join(run, 'provider.sock'),
    runs: join(run, 'runs'),
    values: join(run, 'values.sock'),
  };
}

/**
 * Wait for an earlier egress of this home to end, then clear what a killed one left behind. Taking the sockets
 * from a living process would let its end remove ours.
 *
 * @throws EGRESS_ALREADY_RUNNING
 */
export async function prepareSockets(sockets: EgressSockets): Promise<void> {
  const deadline = performance.now() + TAKEOVER_MS;
  while (await answers(sockets.control)) {
    if (performance.now() > deadline) throw EGRESS_PROCESS_CODES.error('EGRESS_ALREADY_RUNNING');
    await new Promise((resolve) => setTimeout(resolve, TAKEOVER_STEP_MS));
  }
  mkdirSync(sockets.runs, { mode: 0o700, recursive: true });
  for (const name of readdirSync(sockets.runs)) {
    if (name.endsWith('.sock')) rmSync(join(sockets.runs, name), { force: true });
  }
  rmSync(sockets.control, { force: true });
  rmSync(sockets.provider, { force: true });
  rmSync(sockets.values, { force: true });
}
