import { Type } from 'typebox';
import { defineOperation } from '../define.ts';
import { NoInput, strict } from '../schema.ts';
import { HoneytokenSchema } from './schema.ts';

export const honeytokenList = defineOperation({
  id: 'honeytoken.list',
  summary: 'List planted credentials, never their values',
  input: NoInput,
  output: strict({ honeytokens: Type.Array(HoneytokenSchema) }),
  scope: 'operator.admin',
  effect: 'read',
  errors: [],
  cli: { command: 'honeytoken list', examples: ['gatehouse honeytoken list'], offline: true },
  async run({ services }) {
    return { honeytokens: services.honeytokens.list() };
  },
});
