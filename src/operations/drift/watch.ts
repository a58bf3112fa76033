import { setTimeout as sleep } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import { type Static, Type } from 'typebox';
import type { DriftReport } from '../../controls/trace/index.ts';
import { defineOperation } from '../define.ts';
import { milliseconds, strict } from '../schema.ts';
import { BaselineSchema, DifferenceSchema } from './schema.ts';

const DEFAULT_EVERY_MS = 5_000;
const MIN_EVERY_MS = 1_000;

const Looked = strict({
  at: Type.Number({ description: 'Unix milliseconds of this look.' }),
  baseline: BaselineSchema,
  differences: Type.Array(DifferenceSchema, { description: 'Empty when everything is as approved.' }),
});
type Look = Static<typeof Looked>;

export const driftWatch = defineOperation({
  id: 'drift.watch',
  summary: 'Say each time that something becomes different from the last baseline, or as it was',
  description:
    'Looks again and again until you stop it, for example during an upgrade. The gateway itself looks every minute and alerts; this is for whoever wants to see it at once.',
  input: strict({
    everyMs: Type.Optional(milliseconds('Time between two looks; 5 s when absent, 1 s at least.', 3_600_000)),
  }),
  output: strict({ looks: Type.Integer({ description: 'How often was looked.' }) }),
  stream: Type.Unsafe<Look>(Looked),
  scope: 'operator.read',
  effect: 'read',
  errors: ['DRIFT_NO_BASELINE', 'DRIFT_BASELINE_INVALID'],
  cli: {
    command: 'drift watch',
    examples: ['gatehouse drift watch', 'gatehouse drift watch --every 1s --json'],
    offline: false,
  },
  async run({ services, signal, emit }, { everyMs = DEFAULT_EVERY_MS }) {
    let told: DriftReport | undefined;
    let looks = 0;
    while (!signal.aborted) {
      const report = await services.drift.check(looks > 0);
      looks += 1;
      if (told === undefined || !isDeepStrictEqual(told.differences, report.differences))
        emit({ at: services.clock.now(), baseline: report.baseline, differences: [...report.differences] });
      told = report;
      await sleep(Math.max(MIN_EVERY_MS, everyMs), undefined, { signal }).catch(() => undefined);
    }
    return { looks };
  },
});
