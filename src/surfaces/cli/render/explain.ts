import { type Paint, shownCommand, shownLine } from '../terminal.ts';
import { asTyped, beside, type View } from '../view.ts';
import { effectText } from './reports.ts';
import { pairs } from './table.ts';

export interface SandboxExplanation {
  readonly agent: string;
  readonly backend: string;
  readonly available: boolean;
  readonly fix: string | null;
  readonly decision: {
    readonly command: string;
    readonly effect: string;
    readonly code: string;
    readonly rule: string;
    readonly reason: string;
    readonly unclear: readonly string[];
    readonly commands: readonly {
      readonly command: string;
      readonly effect: string;
      readonly rule: string;
    }[];
    readonly labels: readonly string[];
  } | null;
  readonly isolation: readonly string[];
  readonly egress: readonly string[];
  readonly features: readonly { readonly name: string; readonly holds: boolean; readonly how: string }[];
}

/** What the isolation means; how the sandbox program is called comes after it, its arguments indented. */
function inWords(isolation: readonly string[]): readonly string[] {
  const firstArgument = isolation.findIndex((line) => line.startsWith('  '));
  return firstArgument < 1 ? isolation : isolation.slice(0, firstArgument - 1);
}

function decisionLines(decision: NonNullable<SandboxExplanation['decision']>, view: View): readonly string[] {
  const { effect, command, code, rule, reason, unclear, commands, labels } = decision;
  return [
    '',
    `${effectText(effect, view.paint)}  ${shownCommand(command)}`,
    ...pairs(
      [
        ['code', code],
        ['rule', rule],
        ...(unclear.length === 0 ? [['reason', reason] as const] : []),
        ...unclear.map((why) => ['unclear', why] as const),
        ...(labels.length === 0 ? [] : [['session is', labels.join(', ')] as const]),
      ],
      view,
    ),
    ...(commands.length < 2
      ? []
      : commands.map(
          (one) =>
            `  ${effectText(one.effect, view.paint)}  ${shownCommand(one.command)}  ${view.paint('dim', shownLine(one.rule))}`,
        )),
  ];
}

function featureMark(holds: boolean, paint: Paint): string {
  return holds ? paint('good', 'holds') : paint('bad', 'FAILS');
}

/** With a command: what is decided and what it would run in. Without one: everything, to the last argument. */
export function explainLines(result: SandboxExplanation, view: View): readonly string[] {
  const { agent, backend, available, fix, decision, isolation, egress, features } = result;
  const inShort = decision !== null;
  const backendText = available ? backend : `${backend} (not available: ${asTyped(fix ?? '', view)})`;
  const lines = [
    ...pairs(
      [
        ['agent', agent],
        ['backend', backendText],
      ],
      view,
    ),
  ];
  if (decision !== null) lines.push(...decisionLines(decision, view));
  const bullet = (head: string, indent: number, text: string) =>
    beside(head, shownLine(text), { indent, columns: view.columns });
  const shownIsolation = inShort ? inWords(isolation) : isolation;
  lines.push(
    '',
    view.paint('strong', 'isolation'),
    ...shownIsolation.flatMap((line) => bullet('  ', 2, line)),
  );
  if (egress.length > 0) {
    lines.push('', view.paint('strong', 'way out'), ...egress.flatMap((line) => bullet('  ', 2, line)));
  }
  const shownFeatures = features.filter(({ holds }) => !inShort || !holds);
  if (shownFeatures.length > 0) lines.push('', view.paint('strong', 'what holds on this machine'));
  for (const { name, holds, how } of shownFeatures) {
    lines.push(...bullet(`  ${featureMark(holds, view.paint)}  `, 9, `${name}: ${how}`));
  }
  if (inShort) {
    lines.push(
      '',
      view.paint('dim', asTyped('every limit and the exact call: gatehouse sandbox explain', view)),
    );
  }
  return lines;
}
