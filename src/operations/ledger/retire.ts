import { hostname } from 'node:os';
import { Type } from 'typebox';
import { retentionPolicy } from '../../controls/trace/index.ts';
import type { OperationContext } from '../define.ts';
import { defineOperation } from '../define.ts';
import { strict } from '../schema.ts';

/** What a destination still waits for stays, unless the configuration says that it need not. */
export async function heldFrom(services: Pick<OperationContext['services'], 'config' | 'egress'>) {
  const { retention } = services.config.current().config.trace ?? {};
  if (retention?.waitForExport === false) return undefined;
  const waiting = (await services.egress.exports()).map(({ oldestWaitingAt }) => oldestWaitingAt);
  const times = waiting.filter((at) => at !== null);
  return times.length === 0 ? undefined : Math.min(...times);
}

export const ledgerRetire = defineOperation({
  id: 'ledger.retire',
  summary: 'Take out of the ledger what trace.retention says, now and all of it',
  description:
    'Records that are removed, or whose content is, leave a signed note behind with which the rest stays proven. On its own the gateway does this once a day, a week of the ledger at a time.',
  input: strict({
    dryRun: Type.Optional(
      Type.Boolean({ description: 'Only say what the next part would be; change nothing.' }),
    ),
  }),
  output: strict({
    parts: Type.Array(
      strict({
        kind: Type.Enum(['removed', 'redacted']),
        writer: Type.String(),
        from: Type.Integer(),
        to: Type.Integer(),
        archive: Type.Union([Type.String(), Type.Null()], {
          description: 'SHA-256 of the file it is kept in.',
        }),
      }),
    ),
  }),
  scope: 'operator.admin',
  effect: 'change',
  errors: ['LEDGER_CHECKPOINT_FAILED', 'LEDGER_DAMAGED', 'EGRESS_UNAVAILABLE'],
  cli: {
    command: 'ledger retire',
    examples: ['gatehouse ledger retire --dry-run', 'gatehouse ledger retire'],
    offline: false,
  },
  async run({ services }, { dryRun = false }) {
    const { config, ledger, runtime, home } = services;
    const policy = retentionPolicy(config.current().config.trace?.retention ?? {}, home.state);
    const held = await heldFrom(services);
    const source = { version: runtime.version, hostname: hostname() };
    const order = { policy, source, dryRun, ...(held === undefined ? {} : { heldFrom: held }) };
    return { parts: await ledger.retire(order) };
  },
});
