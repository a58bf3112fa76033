import { Type } from 'typebox';
import { defineOperation } from '../define.ts';
import { strict, text } from '../schema.ts';

export const gatewayRestart = defineOperation({
  id: 'gateway.restart',
  summary: 'Restart the gateway after running turns have ended',
  input: strict({ reason: Type.Optional(text('Why; kept in the ledger.')) }),
  output: strict({ restarting: Type.Boolean(), pid: Type.Integer() }),
  scope: 'operator.admin',
  effect: 'high-impact',
  errors: [],
  cli: {
    command: 'gateway restart',
    examples: ['gatehouse gateway restart --reason "new version"'],
    offline: false,
  },
  async run({ services }, { reason }) {
    await services.runtime.stop(reason ?? 'asked to restart', true);
    return { restarting: true, pid: services.runtime.pid };
  },
});
