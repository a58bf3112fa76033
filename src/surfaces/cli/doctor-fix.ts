import { isSeriousFinding } from '../../kernel/index.ts';
import { doctorFix } from '../../operations/doctor/fix.ts';
import type { Command } from './command.ts';
import { EXIT } from './exit.ts';
import type { GivenOptions } from './input.ts';
import { createPrompter } from './prompt.ts';
import { type Fixed, fixedLines, planLines } from './render/doctor.ts';

/** Whether the person at the terminal wants it done; a script that says --fix has said so. */
async function wanted({ io, output, invoke }: Command): Promise<boolean> {
  const { planned } = (await invoke(doctorFix, { dryRun: true })) as Fixed;
  if (planned.length === 0) return true;
  output.lines(planLines(planned, output.view));
  const prompter = createPrompter(io, { onInterrupt: () => prompter.close() });
  try {
    return /^y(es)?$/i.test((await prompter.ask('Do it? [y/N] ', { fresh: true })) ?? '');
  } finally {
    prompter.close();
  }
}

/** `doctor --fix` and `security audit --fix`: the plan first, then each change and what is still found. */
export async function runDoctorFix(command: Command, given: GivenOptions): Promise<number> {
  const { io, output, invoke } = command;
  if (io.isTTY && !output.json && given['yes'] !== true && !(await wanted(command))) {
    output.note('Nothing was changed.');
    return EXIT.ok;
  }
  const reason = typeof given['reason'] === 'string' ? { reason: given['reason'] } : {};
  const fixed = (await invoke(doctorFix, reason)) as Fixed;
  if (output.json) output.document(fixed);
  else output.lines(fixedLines(fixed, output.view));
  return fixed.findings.some(isSeriousFinding) ? EXIT.findings : EXIT.ok;
}
