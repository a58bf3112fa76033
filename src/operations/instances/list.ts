import { Type } from 'typebox';
import { defineOperation } from '../define.ts';
import { NoInput, strict } from '../schema.ts';
import { InstanceSchema } from './schema.ts';

export const instancesList = defineOperation({
  id: 'instances.list',
  summary: 'List the installs of this account: home, ports, unit, and whether each runs',
  input: NoInput,
  output: strict({ instances: Type.Array(InstanceSchema) }),
  scope: 'operator.admin',
  effect: 'read',
  errors: ['INSTANCE_REGISTRY_BROKEN'],
  cli: { command: 'instances list', examples: ['gatehouse instances list'], offline: true },
  run: async ({ services }) => ({ instances: [...(await services.instances.list())] }),
});
