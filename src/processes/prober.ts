import { createInterface } from 'node:readline';
import type { ProbeLine, ProbeRules, ProbeSays } from '../drivers/prober/index.ts';
import { Probes } from './prober/probes.ts';
import type { Program } from './program.ts';

/** Milliseconds after which a prober ends whatever happens: nobody may be left to knock on our own doors. */
const LIFE_MS = 10 * 60_000;

/**
 * The prober: makes the attempts of drills, because the gateway may not dial. It is told first what it may connect to,
 * which is this install's own listeners, and ends with its input.
 */
export async function main(_program: Program): Promise<void> {
  setTimeout(() => process.exit(1), LIFE_MS).unref();
  process.stdout.on('error', () => process.exit(1));
  const say = (says: ProbeSays) => void process.stdout.write(`${JSON.stringify(says)}\n`);
  let probes: Probes | undefined;
  for await (const line of createInterface({ input: process.stdin })) {
    if (probes === undefined) {
      probes = new Probes(JSON.parse(line) as ProbeRules, say);
      continue;
    }
    const { id, ...request } = JSON.parse(line) as ProbeLine;
    probes
      .answer(request)
      .then((answer) => say({ id, ok: true, answer }))
      .catch((cause: unknown) =>
        say({ id, ok: false, error: cause instanceof Error ? cause.message : 'failed' }),
      );
  }
  process.exit(0);
}
