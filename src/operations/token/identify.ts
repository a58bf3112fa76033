import { Type } from 'typebox';
import { defineOperation } from '../define.ts';
import { strict, text } from '../schema.ts';

/** Digests of one call, and characters of a place. */
export const MAX_IDENTIFIED = 500;
export const MAX_PLACE_CHARS = 1_000;

export const tokenIdentify = defineOperation({
  id: 'token.identify',
  summary:
    'Say which tokens these digests are of, and raise an alert for a live one that was found somewhere',
  description:
    'For scanners: `gatehouse token scan` reads files in its own process and asks here with digests, so that nobody ' +
    'can make the gateway read a path. A place is only a text for people. Digests of no token of ours are left out.',
  input: strict({
    found: Type.Array(
      strict({
        digest: Type.String({
          description: 'SHA-256 of the token in lower-case hex.',
          pattern: '^[0-9a-f]{64}$',
          minLength: 64,
          maxLength: 64,
        }),
        place: Type.Optional(text('Where it was found; absent asks only whose it is.', MAX_PLACE_CHARS)),
      }),
      { description: 'What was found.', maxItems: MAX_IDENTIFIED },
    ),
  }),
  output: strict({
    tokens: Type.Array(
      strict({
        digest: Type.String(),
        id: Type.String(),
        name: Type.String(),
        version: Type.Integer(),
        kind: Type.Enum(['token', 'device']),
        principal: Type.String({ description: 'Whom it speaks for.' }),
        owner: Type.String(),
        retired: Type.Optional(Type.Enum(['revoked', 'rotated', 'expired'])),
      }),
      { description: 'Those that are ours; one without `retired` is live.' },
    ),
  }),
  scope: 'operator.admin',
  effect: 'change',
  errors: [],
  cli: {
    command: 'token identify',
    examples: [`gatehouse token identify --found '[{"digest":"...","place":"backup.tar"}]'`],
    offline: true,
  },
  async run({ caller, services }, { found }) {
    return { tokens: await services.auth.identifyTokens(found, caller.principal) };
  },
});
