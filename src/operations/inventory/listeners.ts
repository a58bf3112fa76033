import { Type } from 'typebox';
import { defineOperation } from '../define.ts';
import { ListenerSchema } from '../gateway/schema.ts';
import { NoInput, strict } from '../schema.ts';

export const inventoryListeners = defineOperation({
  id: 'inventory.listeners',
  summary: "List every socket of Gatehouse's processes as the kernel reports it, and whether it is declared",
  description:
    'Measured, not believed: the same look is taken after start and every minute, and a socket that nothing ' +
    'declares is a finding, a ledger record and an alert.',
  input: NoInput,
  output: strict({
    listeners: Type.Array(ListenerSchema),
    undeclared: Type.Integer({ description: 'How many of them nothing declares.' }),
  }),
  scope: 'operator.read',
  effect: 'read',
  errors: [],
  cli: {
    command: 'inventory listeners',
    examples: ['gatehouse inventory listeners', 'gatehouse inventory listeners --json'],
    offline: false,
  },
  async run({ services }) {
    const listeners = await services.runtime.listeners();
    return { listeners, undeclared: listeners.filter((listener) => !listener.declared).length };
  },
});
