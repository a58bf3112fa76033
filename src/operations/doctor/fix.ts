import { Type } from 'typebox';
import { worstFirst } from '../../kernel/index.ts';
import { defineOperation } from '../define.ts';
import { orNull, strict, text } from '../schema.ts';
import { FindingSchema, installFindings } from './findings.ts';
import { RepairSchema, StepSchema } from './schema.ts';

export const doctorFix = defineOperation({
  id: 'doctor.fix',
  summary: 'Put right what is safe to put right, and say what was changed',
  description:
    'File modes, missing folders, sockets that nobody listens on, leftovers of killed processes, settings with one safe value. Nothing is ever widened. What was found before and after is kept with each change, and `doctor undo` takes a repair back. `doctor --fix` is the same.',
  input: strict({
    dryRun: Type.Optional(Type.Boolean({ description: 'Say what would be changed, and change nothing.' })),
    reason: Type.Optional(text('Why, in one line; kept with the repair.')),
  }),
  output: strict({
    planned: Type.Array(StepSchema, { description: 'With dryRun: what would be changed.' }),
    repair: orNull(RepairSchema),
    findings: Type.Array(FindingSchema, { description: 'What is found now, the worst first.' }),
  }),
  scope: 'operator.admin',
  effect: 'change',
  errors: ['REPAIR_RUNNING'],
  cli: {
    command: 'doctor fix',
    examples: ['gatehouse doctor fix --dry-run', 'gatehouse doctor fix --reason "after the crash"'],
    offline: true,
  },
  async run({ caller, services }, { dryRun = false, reason = '' }) {
    const { repairs } = services;
    const plan = dryRun ? await repairs.plan() : [];
    const repair = dryRun ? undefined : await repairs.fix({ author: caller.principal.id, reason });
    return {
      planned: plan.map((step) => ({ step, status: 'planned' as const, note: '' })),
      repair: repair ?? null,
      findings: worstFirst(await installFindings(services)),
    };
  },
});
