import { Type } from 'typebox';
import { defineOperation } from '../define.ts';
import { MAX_LIST_ITEMS, MAX_NAME_CHARS, milliseconds, name, names, strict, text } from '../schema.ts';
import { ScopeSchema } from '../token/schema.ts';
import { IdentityInput, identitiesOf, PrincipalSchema } from './schema.ts';

const MAX_LIFETIME_MS = 10 * 366 * 24 * 60 * 60 * 1000;

export const principalAdd = defineOperation({
  id: 'principal.add',
  summary: 'Add a person or a service, with the most that its credentials may ever do',
  input: strict({
    name: name('Short name; it is never used for anybody else.'),
    kind: Type.Optional(Type.Enum(['person', 'service'], { description: '`person` when absent.' })),
    owner: text('Who answers for it.', MAX_NAME_CHARS),
    ticket: Type.Optional(text('Ticket that asked for it.', MAX_NAME_CHARS)),
    scopes: Type.Array(ScopeSchema, {
      description: 'The most it may do.',
      minItems: 1,
      maxItems: MAX_LIST_ITEMS,
    }),
    agents: Type.Optional(names('Agents it may use; `*` is all, and none when absent.')),
    addresses: Type.Optional(names('CIDR blocks it may come from.')),
    expiresInMs: Type.Optional(milliseconds('Ends by itself after this time.', MAX_LIFETIME_MS)),
    ...IdentityInput,
  }),
  output: strict({ principal: PrincipalSchema }),
  scope: 'operator.admin',
  effect: 'high-impact',
  errors: ['AUTH_PRINCIPAL_INVALID', 'AUTH_PRINCIPAL_TAKEN', 'AUTH_IDENTITY_TAKEN', 'AUTH_APPROVER_SCOPES'],
  cli: {
    command: 'principal add',
    positional: ['name'],
    examples: [
      'gatehouse principal add alice --owner alice --scopes operator.write --agents main',
      'gatehouse principal add ci --kind service --owner build-team --scopes operator.write --agents builder',
    ],
    offline: true,
  },
  async run({ caller, services }, input) {
    const { kind = 'person', ticket = '', agents = [], addresses = [], expiresInMs } = input;
    const expiry = expiresInMs === undefined ? {} : { expiresAt: services.clock.now() + expiresInMs };
    const { owner, scopes } = input;
    const identities = identitiesOf(input);
    const request = {
      name: input.name,
      kind,
      owner,
      ticket,
      scopes,
      agents,
      addresses,
      identities,
      ...expiry,
    };
    return { principal: await services.auth.addPrincipal(request, caller.principal) };
  },
});
