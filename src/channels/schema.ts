import { Type } from 'typebox';
import { SecretInput } from '../controls/secrets/schema.ts';
import { SenderKeys } from '../controls/senders/schema.ts';

const common = {
  enabled: Type.Optional(Type.Boolean()),
  name: Type.Optional(Type.String({ minLength: 1, maxLength: 100 })),
  ...SenderKeys,
};

/** A platform with its own credentials, as a whole and for each of its accounts. */
function channel<const K extends Record<string, ReturnType<typeof Type.Optional>>>(own: K) {
  const account = Type.Object({ ...common, ...own }, { additionalProperties: false });
  return Type.Optional(
    Type.Object(
      {
        ...common,
        ...own,
        accounts: Type.Optional(
          Type.Record(Type.String({ pattern: '^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$' }), account, {
            additionalProperties: false,
          }),
        ),
      },
      { additionalProperties: false },
    ),
  );
}

const secret = Type.Optional(SecretInput);
const networks = Type.Optional(
  Type.Array(Type.String({ maxLength: 64 }), {
    maxItems: 16,
    description: 'CIDR blocks that are not public and that the host may lead to.',
  }),
);

/** `channels`: the platforms people write on, each with who may (S1, G5). */
export const ChannelsSection = Type.Object(
  {
    defaults: Type.Optional(
      Type.Object(
        { dmPolicy: SenderKeys.dmPolicy, groupPolicy: SenderKeys.groupPolicy },
        { additionalProperties: false },
      ),
    ),
    telegram: channel({
      botToken: secret,
      webhookSecret: secret,
      webhookUrl: Type.Optional(
        Type.String({
          pattern: '^https://[^\\s?#]+$',
          maxLength: 1_000,
          description: 'Public address of the webhooks listener; absent means long polling.',
        }),
      ),
      webhookPath: Type.Optional(
        Type.String({
          pattern: '^/[A-Za-z0-9._/-]{0,200}$',
          description: 'Path there; that of webhookUrl unless said.',
        }),
      ),
      apiRoot: Type.Optional(
        Type.String({
          pattern: '^https?://[^\\s?#]+$',
          maxLength: 1_000,
          description: 'Bot API server; https://api.telegram.org unless said.',
        }),
      ),
      networks,
    }),
    slack: channel({ botToken: secret, appToken: secret, signingSecret: secret }),
    discord: channel({ token: secret }),
    whatsapp: channel({}),
    signal: channel({ account: Type.Optional(Type.String({ maxLength: 100 })) }),
    webhook: channel({
      secret,
      callbackUrl: Type.Optional(
        Type.String({
          pattern: '^https?://[^\\s?#]+$',
          maxLength: 1_000,
          description: 'Where answers are sent, signed like deliveries.',
        }),
      ),
      networks,
    }),
  },
  { additionalProperties: false, description: 'The platforms people write on.' },
);
