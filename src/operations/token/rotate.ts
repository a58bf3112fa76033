import { Type } from 'typebox';
import { OP_CODES } from '../codes.ts';
import { defineOperation } from '../define.ts';
import { MAX_NAME_CHARS, milliseconds, name, names, orNull, strict, text } from '../schema.ts';
import { RotationSchema, TokenSchema } from './schema.ts';

const MAX_SUNSET_MS = 30 * 86_400_000;

export const tokenRotate = defineOperation({
  id: 'token.rotate',
  summary: 'Replace a token without an outage: the new version works beside the old one until the sunset',
  description:
    'Starts a rotation and shows the new version once. `--canary` lets only those addresses use the new version until ' +
    '`--promote`. The old version is revoked at the sunset; `--now` ends it at once and `--abort` takes the new one back. ' +
    '`gatehouse token status NAME` says who has not switched yet.',
  input: strict({
    token: name('Name or id of the token, not the token itself.'),
    ticket: Type.Optional(text('Ticket that this belongs to; needed to start.', MAX_NAME_CHARS)),
    sunset: Type.Optional(
      milliseconds('How long the old version goes on; 72 hours when absent.', MAX_SUNSET_MS),
    ),
    canary: Type.Optional(names('Addresses or CIDR blocks that alone may use the new version at first.')),
    owner: Type.Optional(text('Who answers for it from now on.', MAX_NAME_CHARS)),
    promote: Type.Optional(Type.Boolean({ description: 'Let everybody use the new version.' })),
    now: Type.Optional(Type.Boolean({ description: 'End the old version now.' })),
    abort: Type.Optional(Type.Boolean({ description: 'Take the new version back.' })),
  }),
  output: strict({
    rotation: RotationSchema,
    token: orNull(Type.String({ description: 'The new version. It is never shown again.' })),
    summary: orNull(TokenSchema),
  }),
  scope: 'operator.admin',
  effect: 'high-impact',
  errors: [
    'AUTH_TOKEN_UNKNOWN',
    'AUTH_ROTATION_RUNNING',
    'AUTH_ROTATION_NONE',
    'AUTH_ROTATION_INVALID',
    'AUTH_APPROVER_SCOPES',
    'AUTH_NOT_RECORDED',
  ],
  cli: {
    command: 'token rotate',
    positional: ['token'],
    examples: [
      'gatehouse token rotate ci --sunset 72h --ticket OPS-17',
      'gatehouse token rotate ci --canary 10.0.4.7 --ticket OPS-17',
      'gatehouse token rotate ci --promote',
    ],
    offline: true,
  },
  async run({ caller, services }, { token, ticket = '', sunset, promote, now, abort, canary, owner }) {
    const { auth } = services;
    const by = caller.principal;
    const steps = [promote, now, abort].filter((step) => step === true);
    if (steps.length > 1) {
      throw OP_CODES.error('OP_INPUT_INVALID', 'choose one of promote, now and abort', {
        details: { issues: [{ path: '', problem: 'more than one step was asked for' }] },
      });
    }
    const ended = { token: null, summary: null };
    if (promote === true) return { rotation: await auth.promoteRotation(token, by), ...ended };
    if (now === true) return { rotation: await auth.finishRotation(token), ...ended };
    if (abort === true) return { rotation: await auth.abortRotation(token, by), ...ended };
    return auth.rotateToken(
      {
        name: token,
        ticket,
        ...(sunset === undefined ? {} : { sunsetMs: sunset }),
        ...(canary === undefined ? {} : { canary }),
        ...(owner === undefined ? {} : { owner }),
      },
      by,
    );
  },
});
