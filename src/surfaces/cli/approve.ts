import type { ApprovalDecision } from '../../controls/execution/types.ts';
import { asGatehouseError } from '../../kernel/index.ts';
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
}

const ANSWERS: Readonly<Record<string, ApprovalDecision>> = {
  y: 'allow-once',
  yes: 'allow-once',
  a: 'allow-always',
  always: 'allow-always',
  n: 'deny',
  no: 'deny',
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
  note(paint('dim', `  until ${formatInstant(approval.expiresAt)}`));
}

/** How somebody else, or somebody later, answers it. */
export function howToAnswer(approval: PendingApproval, { note, view }: Output): void {
  const id = shownLine(approval.approvalId);
  note(`  allow:  ${asTyped('gatehouse approvals approve', view)} ${id}`);
  note(`  refuse: ${asTyped('gatehouse approvals deny', view)} ${id}`);
}

/**
 * Ask until the answer is one of y, a, n. Without an answer (the input ended, or somebody else answered first)
 * nothing is decided here.
 */
export async function askApproval(
  approval: PendingApproval,
  { invoke, output, prompter, signal }: ApprovalQuestion,
): Promise<void> {
  showApproval(approval, output);
  const question = 'y = once, a = the same again in this session, n = deny > ';
  let decision: ApprovalDecision | undefined;
  while (decision === undefined) {
    const answer = await prompter.ask(question, { signal, fresh: true });
    if (answer === undefined) {
      // The question is still on the line that what comes next would continue.
      output.note('');
      // Somebody else answered, or the turn ended: there is nothing left to answer.
      return signal.aborted ? undefined : howToAnswer(approval, output);
    }
    decision = Object.hasOwn(ANSWERS, answer.toLowerCase()) ? ANSWERS[answer.toLowerCase()] : undefined;
  }
  try {
    await invoke(approvalsResolve, { id: approval.approvalId, decision });
  } catch (thrown) {
    output.error(asGatehouseError(thrown));
    howToAnswer(approval, output);
  }
}

export interface ApprovalQuestion {
  readonly invoke: Invoke;
  readonly output: Output;
  readonly prompter: Prompter;
  readonly signal: AbortSignal;
}
