import { AUTH_CODES } from '../../controls/auth/index.ts';
import { defineOperation } from '../define.ts';
import { name, strict } from '../schema.ts';
import { mine } from './access.ts';
import { SessionSchema } from './schema.ts';

export const loginEnd = defineOperation({
  id: 'login.end',
  summary: 'End a browser session at once; its open connections end within a second',
  input: strict({ session: name('Id of the session, from `login list`.') }),
  output: strict({ session: SessionSchema }),
  scope: 'operator.read',
  effect: 'change',
  errors: ['AUTH_SESSION_UNKNOWN'],
  cli: {
    command: 'login end',
    positional: ['session'],
    examples: ['gatehouse login end 4f1c90ab27e3d5a8'],
    offline: true,
  },
  async run(context, { session: id }) {
    const { browser } = context.services.auth;
    const found = (await browser.list()).find((session) => session.id === id);
    // Somebody else's session does not exist for you.
    if (found === undefined || !mine(context, found)) throw AUTH_CODES.error('AUTH_SESSION_UNKNOWN');
    return { session: await browser.end(id, `ended by ${context.caller.principal.name}`) };
  },
});
