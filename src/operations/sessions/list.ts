import { Type } from 'typebox';
import { requireAdminForAll } from '../access.ts';
import { defineOperation } from '../define.ts';
import { instant, name, page, strict } from '../schema.ts';
import { SessionSchema } from './schema.ts';

export const sessionsList = defineOperation({
  id: 'sessions.list',
  summary: 'List your sessions, the most recently used first',
  input: strict({
    agent: Type.Optional(name('Only sessions of this agent.')),
    search: Type.Optional(name('Only sessions whose key, label or last message holds this text.')),
    archived: Type.Optional(Type.Boolean({ description: 'Archived sessions instead of the open ones.' })),
    activeSince: Type.Optional(instant('Only sessions used since then.')),
    limit: Type.Optional(page('Sessions at most.')),
    offset: Type.Optional(Type.Integer({ description: 'Sessions to pass over.', minimum: 0 })),
    all: Type.Optional(Type.Boolean({ description: 'Administrators: the sessions of everybody.' })),
  }),
  output: strict({
    sessions: Type.Array(SessionSchema),
    total: Type.Integer({ description: 'How many there are without limit and offset.' }),
  }),
  scope: 'operator.read',
  effect: 'read',
  errors: [],
  cli: {
    command: 'sessions list',
    examples: ['gatehouse sessions list', 'gatehouse sessions list --all --active-since 7d --json'],
    offline: true,
  },
  async run(context, { all, ...filter }) {
    requireAdminForAll(context, all);
    const space = all === true ? {} : { space: context.caller.space };
    return context.services.sessions.list({ ...filter, ...space });
  },
});
