import { Type } from 'typebox';
import { defineOperation } from '../define.ts';
import { NoInput, strict } from '../schema.ts';
import { mine } from './access.ts';
import { SessionSchema } from './schema.ts';

export const loginList = defineOperation({
  id: 'login.list',
  summary: 'List open browser sessions: yours, or those of all for an administrator',
  input: NoInput,
  output: strict({ sessions: Type.Array(SessionSchema) }),
  scope: 'operator.read',
  effect: 'read',
  errors: [],
  cli: { command: 'login list', examples: ['gatehouse login list'], offline: true },
  async run(context) {
    const sessions = await context.services.auth.browser.list();
    return { sessions: sessions.filter((session) => mine(context, session)) };
  },
});
