import { Type } from 'typebox';
import { defineOperation } from '../define.ts';
import { NoInput, strict } from '../schema.ts';

const When = Type.Union([Type.Number(), Type.Null()], { description: 'Unix milliseconds.' });
const Text = Type.String();

const DestinationSchema = strict({
  name: Text,
  kind: Type.Enum(['file', 'syslog', 'http', 'otlp']),
  target: Type.String({ description: 'Where it goes.' }),
  format: Type.Enum(['ocsf', 'json']),
  state: Type.Enum(['idle', 'sending', 'failing']),
  waiting: Type.Integer({ description: 'Records that are not known to be delivered.' }),
  oldestWaitingAt: When,
  lastDeliveredAt: When,
  skipped: Type.Integer({ description: 'Records that the collector refused; each has an alert.' }),
  failure: Type.Union([strict({ code: Text, message: Text, fix: Text, nextTryAt: When }), Type.Null()]),
});

export const ledgerDelivery = defineOperation({
  id: 'ledger.delivery',
  summary: 'Show how far the ledger is delivered to each destination outside',
  description:
    'Destinations stand under trace.export of the configuration; egress delivers, at least once each.',
  input: NoInput,
  output: strict({ destinations: Type.Array(DestinationSchema) }),
  scope: 'operator.read',
  effect: 'read',
  errors: ['EGRESS_UNAVAILABLE'],
  cli: {
    command: 'ledger export status',
    examples: ['gatehouse ledger export status --json'],
    offline: false,
  },
  run: async ({ services }) => ({ destinations: await services.egress.exports() }),
});
