import { Type } from 'typebox';
import { defineOperation } from '../define.ts';
import { names, strict } from '../schema.ts';
import { ResultSchema, SummaryFields } from './schema.ts';

export const drillRun = defineOperation({
  id: 'drill.run',
  summary: 'Try to break the controls of this install, and say what refused it and who noticed',
  description:
    'Each drill makes real attempts on the running gateway, from addresses of its own, and passes only when it was ' +
    'refused, recorded and alerted. Whatever it makes is removed. No model and no chat platform is reached, and ' +
    'nobody is locked out.',
  input: strict({
    names: Type.Optional(names('Controls (`auth`) or drills (`auth.revoked-token`); all when absent.')),
    schedule: Type.Optional(
      Type.Boolean({ description: 'Run what drills.schedule names, and record it as a scheduled run.' }),
    ),
    gameDay: Type.Optional(
      Type.Boolean({
        description:
          'Rotate a credential and put a principal out while clients are at work, and see that somebody was told: ' +
          'the drills of a game day, on credentials and principals of its own.',
      }),
    ),
  }),
  output: strict({ ...SummaryFields, results: Type.Array(ResultSchema) }),
  stream: ResultSchema,
  scope: 'operator.admin',
  effect: 'high-impact',
  errors: ['DRILL_UNKNOWN', 'DRILL_BUSY', 'DRILL_NOT_HERE', 'DRILL_NOT_SCHEDULED', 'DRILL_PROBER_FAILED'],
  cli: {
    command: 'drill run',
    positional: ['names'],
    examples: [
      'gatehouse drill run',
      'gatehouse drill run listen auth senders',
      'gatehouse drill run auth.revoked-token --json',
      'gatehouse drill run --game-day',
    ],
    offline: false,
  },
  async run({ caller, services, signal, emit }, { names: wanted = [], schedule = false, gameDay = false }) {
    const { drills } = services;
    const { GAME_DAY } = await import('./catalogue.ts');
    return drills.run({
      names: [...(schedule ? drills.scheduled() : []), ...(gameDay ? GAME_DAY : []), ...wanted],
      subject: caller.subject,
      caller,
      scheduled: schedule,
      signal,
      onResult: emit,
    });
  },
});
