import { Type } from 'typebox';
import { defineOperation } from '../define.ts';
import { strict, text } from '../schema.ts';

export const gatewayStop = defineOperation({
  id: 'gateway.stop',
  summary: 'Stop the gateway after running turns have ended',
  input: strict({ reason: Type.Optional(text('Why; kept in the ledger.')) }),
  output: strict({ stopping: Type.Boolean(), pid: Type.Integer() }),
  scope: 'operator.admin',
  effect: 'high-impact',
  errors: [],
  cli: { command: 'gateway stop', examples: ['gatehouse gateway stop --reason maintenance'], offline: false },
  async run({ services }, { reason }) {
    await services.runtime.stop(reason ?? 'asked to stop', false);
    return { stopping: true, pid: services.runtime.pid };
  },
});
