import { Type } from 'typebox';
import { EGRESS_CLASSES } from '../../controls/egress/types.ts';
import { defineOperation } from '../define.ts';
import { instant, name, page, strict } from '../schema.ts';

const DEFAULT_LIMIT = 20;
const DAY_MS = 86_400_000;

export const egressTop = defineOperation({
  id: 'egress.top',
  summary: 'Show the destinations with most traffic, allowed and refused',
  description: 'Bytes are those of connections that have ended. Periods count in whole hours.',
  input: strict({
    since: Type.Optional(instant('From this time on; one day when absent.')),
    until: Type.Optional(instant('Up to this time.')),
    by: Type.Optional(
      Type.Enum(['bytes', 'connections', 'refused'], {
        description: 'What decides the order; bytes when absent.',
      }),
    ),
    class: Type.Optional(Type.Enum([...EGRESS_CLASSES], { description: 'Only rules of this class.' })),
    agent: Type.Optional(name('Only this agent.')),
    limit: Type.Optional(page(`Destinations at most; ${DEFAULT_LIMIT} when absent.`)),
  }),
  output: strict({
    destinations: Type.Array(
      strict({
        host: Type.String(),
        port: Type.Integer({ description: '0 when it was no port.' }),
        class: Type.String({ description: 'Class of the rule that opened it; empty when none did.' }),
        allowed: Type.Number(),
        refused: Type.Number(),
        sent: Type.Number({ description: 'Bytes.' }),
        received: Type.Number({ description: 'Bytes.' }),
        lastAt: Type.Number({ description: 'Unix milliseconds, to the hour.' }),
      }),
    ),
  }),
  scope: 'operator.read',
  effect: 'read',
  errors: [],
  cli: {
    command: 'egress top',
    examples: [
      'gatehouse egress top',
      'gatehouse egress top --since 30d --class artifact',
      'gatehouse egress top --by refused',
    ],
    offline: true,
  },
  async run({ services, caller }, { limit = DEFAULT_LIMIT, by = 'bytes', ...filter }) {
    const since = filter.since ?? services.clock.now() - DAY_MS;
    const agents = caller.principal.agents;
    const visible = agents.includes('*') || (filter.agent !== undefined && agents.includes(filter.agent));
    if (!visible) return { destinations: [] };
    return { destinations: await services.traffic.top({ ...filter, since }, by, limit) };
  },
});
