import { Type } from 'typebox';
import { defineOperation } from '../define.ts';
import { name, strict } from '../schema.ts';
import { InstanceSchema } from './schema.ts';

export const instancesAdd = defineOperation({
  id: 'instances.add',
  summary: 'Prepare another install beside this one, with a home, ports and a unit of its own',
  description:
    'Makes the home and, where there is none, a configuration with the ports. Start it with GATEHOUSE_HOME set to the ' +
    'home; its first start shows a token of its own.',
  input: strict({
    name: name('Lower-case letters, digits and dashes.'),
    home: Type.Optional(name('Absolute path; ~/.gatehouse-NAME when absent.')),
    port: Type.Optional(
      Type.Integer({
        minimum: 1,
        maximum: 65_535,
        description: 'First of four ports; free ones when absent.',
      }),
    ),
  }),
  output: strict({ instance: InstanceSchema }),
  scope: 'operator.admin',
  effect: 'change',
  errors: [
    'INSTANCE_INVALID',
    'INSTANCE_TAKEN',
    'INSTANCE_REGISTRY_BROKEN',
    'HOME_NOT_PRIVATE',
    'HOME_UNUSABLE',
  ],
  cli: {
    command: 'instances add',
    positional: ['name'],
    examples: [
      'gatehouse instances add staging',
      'gatehouse instances add staging --home /srv/staging --port 18889',
    ],
    offline: true,
  },
  run: async ({ services }, input) => ({ instance: await services.instances.add(input) }),
});
