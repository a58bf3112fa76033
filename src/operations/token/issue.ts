import { Type } from 'typebox';
import { permit } from '../access.ts';
import { defineOperation, type OperationContext } from '../define.ts';
import { MAX_LIST_ITEMS, MAX_NAME_CHARS, milliseconds, name, names, strict, text } from '../schema.ts';
import { ScopeSchema, TokenSchema } from './schema.ts';

const MAX_LIFETIME_MS = 10 * 366 * 24 * 60 * 60 * 1000;

/** @throws AUTH_AGENT_NOT_ALLOWED: a new credential never reaches further than the one that asked for it */
function permitAgent(context: OperationContext<never>, agent: string): Promise<void> {
  const refusal = {
    message: `you may not issue a token for ${agent === '*' ? 'all agents' : `the agent ${agent}`}`,
    fix: 'Name agents that your own token is for, or ask somebody whose token is for all.',
  };
  return permit(context, { kind: 'agent.run', agent }, refusal);
}

export const tokenIssue = defineOperation({
  id: 'token.issue',
  summary: 'Issue a token for a person or a service; it is shown once',
  description:
    'Only a digest is kept. Lost tokens are revoked and issued anew. Nobody issues a token for agents that its own ' +
    'credential is not for; without `agents` it is for all that the caller may use.',
  input: strict({
    name: name('Who or what uses it.'),
    scopes: Type.Array(ScopeSchema, {
      description: 'What it may do.',
      minItems: 1,
      maxItems: MAX_LIST_ITEMS,
    }),
    agents: Type.Optional(names('Agents it may use; `*` is all.')),
    addresses: Type.Optional(names('CIDR blocks it may be used from.')),
    principal: Type.Optional(name('Person or service that it is for; its rights bound the token.')),
    owner: Type.Optional(text('Who answers for it.', MAX_NAME_CHARS)),
    ticket: Type.Optional(text('Ticket that asked for it.', MAX_NAME_CHARS)),
    expiresInMs: Type.Optional(milliseconds('Ends by itself after this time.', MAX_LIFETIME_MS)),
  }),
  output: strict({
    token: Type.String({ description: 'The token itself. It is never shown again.' }),
    summary: TokenSchema,
  }),
  scope: 'operator.admin',
  effect: 'high-impact',
  errors: [
    'AUTH_TOKEN_NAME_TAKEN',
    'AUTH_TOKEN_REQUEST_INVALID',
    'AUTH_AGENT_NOT_ALLOWED',
    'AUTH_PRINCIPAL_UNKNOWN',
  ],
  cli: {
    command: 'token issue',
    positional: ['name'],
    examples: [
      'gatehouse token issue laptop --scopes operator.read,operator.write',
      'gatehouse token issue ci --scopes operator.write --agents builder --expires-in 30d --json',
    ],
    offline: true,
  },
  async run(context, { expiresInMs, agents = context.caller.principal.agents, ...request }) {
    const { clock, auth } = context.services;
    for (const agent of agents) await permitAgent(context, agent);
    const expiry = expiresInMs === undefined ? {} : { expiresAt: clock.now() + expiresInMs };
    return auth.issueToken({ ...request, agents, ...expiry });
  },
});
