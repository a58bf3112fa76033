import { Type } from 'typebox';

/** `drills`: which drills the gateway runs by itself, and when (D6). */
export const DrillsSection = Type.Object(
  {
    schedule: Type.Optional(
      Type.Object(
        {
          everyHours: Type.Optional(
            Type.Integer({
              minimum: 1,
              maximum: 720,
              description: 'Run after so many hours, again and again.',
            }),
          ),
          dailyAt: Type.Optional(
            Type.String({
              pattern: '^([01]\\d|2[0-3]):[0-5]\\d$',
              description:
                'Run every day at this time, UTC, for example 03:30. Counts when everyHours is absent.',
            }),
          ),
          run: Type.Optional(
            Type.Array(Type.String({ pattern: '^[a-z][a-z0-9.-]{0,99}$' }), {
              minItems: 1,
              maxItems: 100,
              description: 'Controls or drills; all when absent.',
            }),
          ),
        },
        { additionalProperties: false, description: 'Absent: drills run only when somebody asks.' },
      ),
    ),
  },
  { additionalProperties: false, description: 'Negative tests that the gateway runs on itself.' },
);
