import { Type } from 'typebox';
import { defineOperation } from '../define.ts';
import { NoInput, strict } from '../schema.ts';

export const healthGet = defineOperation({
  id: 'health.get',
  summary: 'Ask whether the gateway is ready, and what is missing if not',
  input: NoInput,
  output: strict({
    ready: Type.Boolean(),
    failing: Type.Array(Type.String()),
    version: Type.String(),
    uptimeMs: Type.Number(),
  }),
  scope: 'operator.read',
  effect: 'read',
  errors: [],
  cli: { command: 'health', examples: ['gatehouse health'], offline: false },
  async run({ services }) {
    const { runtime, clock } = services;
    const uptimeMs = Math.max(0, clock.now() - runtime.startedAt);
    return { ...runtime.ready(), version: runtime.version, uptimeMs };
  },
});
