import { defineOperation } from '../define.ts';
import { name, strict } from '../schema.ts';
import { InstanceSchema } from './schema.ts';

export const instancesRemove = defineOperation({
  id: 'instances.remove',
  summary: 'Take an install that does not run out of the list; its home stays as it is',
  input: strict({ name: name('Name of the instance.') }),
  output: strict({ instance: InstanceSchema }),
  scope: 'operator.admin',
  effect: 'change',
  errors: ['INSTANCE_UNKNOWN', 'INSTANCE_RUNNING', 'INSTANCE_REGISTRY_BROKEN'],
  cli: {
    command: 'instances remove',
    positional: ['name'],
    examples: ['gatehouse instances remove staging'],
    offline: true,
  },
  run: async ({ services }, { name: gone }) => ({ instance: await services.instances.remove(gone) }),
});
