import { defineOperation } from '../define.ts';
import { name, strict } from '../schema.ts';
import { HoneytokenSchema } from './schema.ts';

export const honeytokenRemove = defineOperation({
  id: 'honeytoken.remove',
  summary: 'Take a planted credential away; its file goes too unless somebody changed it',
  input: strict({ id: name('Id from `honeytoken list`.') }),
  output: strict({ honeytoken: HoneytokenSchema }),
  scope: 'operator.admin',
  effect: 'change',
  errors: ['HONEYTOKEN_UNKNOWN'],
  cli: {
    command: 'honeytoken remove',
    positional: ['id'],
    examples: ['gatehouse honeytoken remove h0123456789'],
    offline: true,
  },
  async run({ caller, services }, { id }) {
    return { honeytoken: await services.honeytokens.remove(id, caller.principal.name) };
  },
});
