import type { ApprovalDecision } from '../../controls/execution/types.ts';
import { asGatehouseError } from '../../kernel/index.ts';
import { approvalsApprove } from '../../operations/approvals/approve.ts';
import { approvalsBatch } from '../../operations/approvals/batch.ts';
import { approvalsResolve } from '../../operations/approvals/resolve.ts';
import type { Output } from './output.ts';
import type { Prompter } from './prompt.ts';
import type { Invoke } from './session.ts';
import { shownCommand, shownLine } from './terminal.ts';
import { formatInstant } from './time.ts';
import { asTyped } from './view.ts';

/** What a turn waits for. */
export interface PendingApproval {
  readonly approvalId: string;
  readonly commandText: string;
  readonly expiresAt: number;
  readonly tool: string;
  readonly reason: string;
  readonly rule: string;
  readonly batch?: string | null;
  readonly diff?: string | null;
  readonly people?: number;
}

/** How long `t` allows the same action. */
const FOR_A_TIME = '1h';

interface Answer {
  readonly decision: ApprovalDecision;
  readonly for?: string;
  /** For everything that was asked together. */
  readonly batch?: boolean;
}

const SESSION: Answer = { decision: 'allow-always' };
const ONCE: Answer = { decision: 'allow-once' };
const DENY: Answer = { decision: 'deny' };
const ANSWERS: Readonly<Record<string, Answer>> = {
  y: ONCE,
  yes: ONCE,
  s: SESSION,
  session: SESSION,
  a: SESSION,
  always: SESSION,
  t: { decision: 'allow-always', for: FOR_A_TIME },
  b: { decision: 'allow-once', batch: true },
  n: DENY,
  no: DENY,
};

/** The whole command, every invisible character made visible: an approver sees what would run, or nothing runs. */
export function showApproval(approval: PendingApproval, { note, paint }: Output): void {
  note('');
  note(
    `${paint('warn', 'Approval needed')} ${shownLine(approval.approvalId)} for ${shownLine(approval.tool)}`,
  );
  note(`  ${shownLine(approval.reason)}`);
  note(paint('dim', `  rule ${shownLine(approval.rule)}`));
  for (const line of shownCommand(approval.commandText).split('\n')) note(`  ${paint('strong', line)}`);
  for (const line of diffLines(approval.diff, paint)) note(`  ${line}`);
  if ((approval.people ?? 1) > 1) note(paint('warn', `  ${approval.people} people must allow it`));
  note(paint('dim', `  until ${formatInstant(approval.expiresAt)}`));
}

function diffLines(diff: string | null | undefined, paint: Output['paint']): readonly string[] {
  if (diff === null || diff === undefined) return [];
  return diff
    .trimEnd()
    .split('\n')
    .map((line) => {
      const shown = shownLine(line);
      if (line.startsWith('+')) return paint('good', shown);
      return line.startsWith('-') ? paint('bad', shown) : paint('dim', shown);
    });
}

/** How somebody else, or somebody later, answers it. */
export function howToAnswer(approval: PendingApproval, { note, view }: Output): void {
  const id = shownLine(approval.approvalId);
  note(`  allow:  ${asTyped('gatehouse approvals approve', view)} ${id}`);
  note(`  refuse: ${asTyped('gatehouse approvals deny', view)} ${id}`);
}

/**
 * Ask until the answer is one of the keys. Without an answer (the input ended, or somebody else answered first)
 * nothing is decided here.
 */
export async function askApproval(
  approval: PendingApproval,
  { invoke, output, prompter, signal }: ApprovalQuestion,
): Promise<void> {
  showApproval(approval, output);
  const batch = approval.batch ?? undefined;
  const together = batch === undefined ? '' : ', b = everything asked together';
  const question = `y = once, s = the same again in this session, t = for ${FOR_A_TIME}, n = deny${together} > `;
  let given: Answer | undefined;
  while (given === undefined) {
    const answer = await prompter.ask(question, { signal, fresh: true });
    if (answer === undefined) {
      // The question is still on the line that what comes next would continue.
      output.note('');
      // Somebody else answered, or the turn ended: there is nothing left to answer.
      return signal.aborted ? undefined : howToAnswer(approval, output);
    }
    const key = answer.toLowerCase();
    given = Object.hasOwn(ANSWERS, key) ? ANSWERS[key] : undefined;
    if (given?.batch === true && batch === undefined) given = undefined;
  }
  try {
    await send(invoke, approval.approvalId, given, batch);
  } catch (thrown) {
    output.error(asGatehouseError(thrown));
    howToAnswer(approval, output);
  }
}

async function send(invoke: Invoke, id: string, answer: Answer, batch: string | undefined): Promise<void> {
  const { decision } = answer;
  if (answer.for !== undefined) await invoke(approvalsApprove, { id, for: answer.for });
  else if (answer.batch === true && batch !== undefined) await invoke(approvalsBatch, { batch, decision });
  else await invoke(approvalsResolve, { id, decision });
}

export interface ApprovalQuestion {
  readonly invoke: Invoke;
  readonly output: Output;
  readonly prompter: Prompter;
  readonly signal: AbortSignal;
}
