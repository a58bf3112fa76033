import { Type } from 'typebox';
import type { EgressStatus } from '../../kernel/index.ts';
import { defineOperation } from '../define.ts';
import { NoInput, orNull, strict } from '../schema.ts';
import type { Services } from '../services.ts';
import { ListenerSchema } from './schema.ts';

const Posture = strict({
  area: Type.Enum(['listen', 'credentials', 'sessions', 'egress', 'execution', 'grants', 'budget', 'ledger']),
  required: Type.String(),
  measured: Type.String(),
  holds: Type.Boolean(),
});

const EgressState = strict(
  {
    pid: Type.Integer(),
    version: Type.String(),
    policyHash: Type.String(),
    secrets: Type.Array(strict({ name: Type.String(), host: Type.String(), available: Type.Boolean() })),
    openRuns: Type.Integer(),
    connections: Type.Integer(),
  },
  { description: 'The egress process; names of secrets, never values.' },
);

async function egressStatus({ egress, logger }: Services): Promise<EgressStatus | null> {
  try {
    return await egress.status();
  } catch (cause) {
    logger.warn('egress did not answer a status request', { cause: String(cause) });
    return null;
  }
}

export const gatewayStatus = defineOperation({
  id: 'gateway.status',
  summary: 'Show the running gateway and its posture as measured',
  input: NoInput,
  output: strict({
    version: Type.String(),
    pid: Type.Integer(),
    startedAt: Type.Number({ description: 'Unix milliseconds.' }),
    uptimeMs: Type.Number(),
    ready: Type.Boolean(),
    failing: Type.Array(Type.String(), { description: 'What keeps it from being ready.' }),
    config: strict({ hash: Type.String(), snapshot: Type.Integer() }),
    listeners: Type.Array(ListenerSchema),
    posture: Type.Array(Posture),
    egress: orNull(EgressState),
  }),
  scope: 'operator.read',
  effect: 'read',
  errors: [],
  cli: {
    command: 'gateway status',
    aliases: ['status'],
    examples: ['gatehouse gateway status --json'],
    offline: false,
  },
  async run({ services }) {
    const { runtime, clock, config } = services;
    const [listeners, posture, egress] = await Promise.all([
      runtime.listeners(),
      runtime.posture(),
      egressStatus(services),
    ]);
    const { hash, snapshot } = config.current();
    return {
      version: runtime.version,
      pid: runtime.pid,
      startedAt: runtime.startedAt,
      uptimeMs: Math.max(0, clock.now() - runtime.startedAt),
      ...runtime.ready(),
      config: { hash, snapshot },
      listeners,
      posture,
      egress,
    };
  },
});
