import { Type } from 'typebox';

/** `backup`: for whom backups are encrypted, where they go, when, and how many stay (D9). */
export const BackupSection = Type.Object(
  {
    recipients: Type.Optional(
      Type.Array(
        Type.String({
          pattern: '^age1[02-9ac-hj-np-z]{20,2500}$',
          description: 'A public key of age, age1...; never the private one (AGE-SECRET-KEY-...).',
        }),
        { minItems: 1, maxItems: 20, description: 'Each of these keys alone opens every backup.' },
      ),
    ),
    folder: Type.Optional(
      Type.String({
        pattern: '^/',
        maxLength: 1_000,
        description: 'Absolute path; `backups` in the home when absent. Best on another disk.',
      }),
    ),
    schedule: Type.Optional(
      Type.Object(
        {
          everyHours: Type.Optional(
            Type.Integer({ minimum: 1, maximum: 720, description: 'Again after so many hours.' }),
          ),
          dailyAt: Type.Optional(
            Type.String({
              pattern: '^([01]\\d|2[0-3]):[0-5]\\d$',
              description:
                'Every day at this time, UTC, for example 02:30. Counts when everyHours is absent.',
            }),
          ),
        },
        { additionalProperties: false, description: 'Absent: backups are made only when somebody asks.' },
      ),
    ),
    keep: Type.Optional(
      Type.Object(
        {
          last: Type.Optional(
            Type.Integer({
              minimum: 1,
              maximum: 1_000,
              description: 'So many of the newest; 14 when absent.',
            }),
          ),
          days: Type.Optional(
            Type.Integer({
              minimum: 1,
              maximum: 3_650,
              description: 'Besides, the last one of each day for so many days; 30 when absent.',
            }),
          ),
        },
        {
          additionalProperties: false,
          description: 'What stays; older ones are deleted after each new backup.',
        },
      ),
    ),
    maxAgeHours: Type.Optional(
      Type.Integer({
        minimum: 1,
        maximum: 8_760,
        description: 'Alert when the last good backup is older; 48 when absent.',
      }),
    ),
  },
  { additionalProperties: false, description: 'Encrypted backups of this install.' },
);
