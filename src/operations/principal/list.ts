import { Type } from 'typebox';
import { defineOperation } from '../define.ts';
import { NoInput, strict } from '../schema.ts';
import { PrincipalSchema } from './schema.ts';

export const principalList = defineOperation({
  id: 'principal.list',
  summary: 'List people and services with their owner and what they may do',
  input: NoInput,
  output: strict({ principals: Type.Array(PrincipalSchema) }),
  scope: 'operator.admin',
  effect: 'read',
  errors: [],
  cli: { command: 'principal list', examples: ['gatehouse principal list'], offline: true },
  async run({ services }) {
    return { principals: await services.auth.listPrincipals() };
  },
});
