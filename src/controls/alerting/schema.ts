import { type TSchema, Type } from 'typebox';
import { ALERT_SEVERITIES } from './types.ts';

const Severities = Type.Array(Type.Union(ALERT_SEVERITIES.map((severity) => Type.Literal(severity))), {
  minItems: 1,
  maxItems: 3,
});
const Name = Type.String({ pattern: '^[a-z][a-z0-9-]{0,31}$' });
const MailAddress = Type.String({
  // RFC 5321 section 4.1.2, without quoted local parts: nothing that could end a line or begin a parameter.
  pattern: "^[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9.-]{1,253}$",
  maxLength: 320,
});
const Networks = Type.Array(Type.String({ maxLength: 64 }), {
  maxItems: 16,
  description: 'CIDR blocks that are not public and that the host may lead to.',
});

const common = {
  severities: Type.Optional(Severities),
  drills: Type.Optional(
    Type.Boolean({ description: 'Also alerts that drills provoke on purpose; false unless said.' }),
  ),
};

const webhook = <Secret extends TSchema>(secret: Secret) =>
  Type.Object(
    {
      type: Type.Literal('webhook'),
      url: Type.String({ pattern: '^https?://[^\\s?#|*]+$', maxLength: 1_000 }),
      secret: Type.Optional(secret),
      authorization: Type.Optional(secret),
      networks: Type.Optional(Networks),
      ...common,
    },
    {
      additionalProperties: false,
      description:
        'A POST of JSON, signed as Standard Webhooks says when `secret` is there; `authorization` is sent as a bearer token.',
    },
  );

const Chat = Type.Object(
  {
    type: Type.Literal('chat'),
    channel: Type.Union([Type.Literal('telegram'), Type.Literal('webhook')]),
    account: Type.Optional(
      Type.String({ minLength: 1, maxLength: 64, description: '`default` unless said.' }),
    ),
    chat: Type.String({
      minLength: 1,
      maxLength: 128,
      description: "The conversation, by the platform's id.",
    }),
    ...common,
  },
  { additionalProperties: false, description: 'A conversation of a configured channel, through its outbox.' },
);

const mail = <Secret extends TSchema>(secret: Secret) =>
  Type.Object(
    {
      type: Type.Literal('mail'),
      host: Type.String({ minLength: 1, maxLength: 253 }),
      port: Type.Optional(
        Type.Integer({ minimum: 1, maximum: 65_535, description: '465 unless said, 587 with starttls.' }),
      ),
      tls: Type.Optional(
        Type.Union([Type.Literal('implicit'), Type.Literal('starttls')], {
          description: 'implicit unless said. There is no mail in the clear.',
        }),
      ),
      from: MailAddress,
      to: Type.Array(MailAddress, { minItems: 1, maxItems: 20 }),
      username: Type.Optional(Type.String({ minLength: 1, maxLength: 256 })),
      password: Type.Optional(secret),
      networks: Type.Optional(Networks),
      ...common,
    },
    { additionalProperties: false, description: 'Mail over submission (RFC 6409), sent by egress.' },
  );

/** `alerts`: who is told of what needs a person, and how (T4). `secret` is how references to secrets are written. */
export const alertsSection = <Secret extends TSchema>(secret: Secret) =>
  Type.Object(
    {
      install: Type.Optional(
        Type.String({
          pattern: '^[A-Za-z0-9][A-Za-z0-9 ._-]{0,63}$',
          description: "What messages call this install; the machine's name unless said.",
        }),
      ),
      runbook: Type.Optional(
        Type.String({
          pattern: '^https?://[^\\s#]+$|^[A-Za-z0-9._/-]+$',
          maxLength: 1_000,
          description: 'Where docs/operating/alerts.md is for whoever is woken.',
        }),
      ),
      repeatMinutes: Type.Optional(
        Type.Integer({
          minimum: 1,
          maximum: 10_080,
          description: 'The same alert is told again at the earliest after so long; 60 unless said.',
        }),
      ),
      acknowledgedHours: Type.Optional(
        Type.Integer({
          minimum: 1,
          maximum: 720,
          description: 'What somebody has acknowledged is quiet for so long; 24 unless said.',
        }),
      ),
      maxPerHour: Type.Optional(
        Type.Integer({
          minimum: 1,
          maximum: 1_000,
          description:
            'Messages to one destination in an hour; the rest comes as one digest. Critical ones are counted apart. 30 unless said.',
        }),
      ),
      approvalWaitingMinutes: Type.Optional(
        Type.Integer({
          minimum: 1,
          maximum: 10_080,
          description: 'An approval that waits longer is an alert; 15 unless said.',
        }),
      ),
      escalation: Type.Optional(
        Type.Object(
          {
            afterMinutes: Type.Integer({ minimum: 1, maximum: 1_440 }),
            to: Type.Array(Name, { minItems: 1, maxItems: 16 }),
            severities: Type.Optional(Severities),
          },
          {
            additionalProperties: false,
            description: 'Where alerts go that nobody has acknowledged in time; critical ones unless said.',
          },
        ),
      ),
      heartbeat: Type.Optional(
        Type.Object(
          {
            everyMinutes: Type.Integer({ minimum: 1, maximum: 1_440 }),
            to: Type.Array(Name, { minItems: 1, maxItems: 16 }),
          },
          {
            additionalProperties: false,
            description: 'A sign of life for something outside that notices when it stops.',
          },
        ),
      ),
      destinations: Type.Optional(
        Type.Record(Name, Type.Union([webhook(secret), Chat, mail(secret)]), { maxProperties: 16 }),
      ),
    },
    { additionalProperties: false, description: 'Who is told of what needs a person.' },
  );
