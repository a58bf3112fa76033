import { type Paint, shownCommand, shownLine } from '../terminal.ts';
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
  } | null;
  readonly isolation: readonly string[];
  readonly features: readonly { readonly name: string; readonly holds: boolean; readonly how: string }[];
}

export function explainLines(result: SandboxExplanation, paint: Paint): readonly string[] {
  const { decision } = result;
  const lines = [
    ...pairs(
      [
        ['agent', result.agent],
        [
          'backend',
          result.available ? result.backend : `${result.backend} (not available: ${result.fix ?? ''})`,
        ],
      ],
      paint,
    ),
  ];
  if (decision !== null) {
    lines.push(
      '',
      `${effectText(decision.effect, paint)}  ${shownCommand(decision.command)}`,
      ...pairs(
        [
          ['code', decision.code],
          ['rule', decision.rule],
          ['reason', decision.reason],
          ...decision.unclear.map((why) => ['not understood', why] as const),
        ],
        paint,
      ),
    );
  }
  lines.push('', paint('strong', 'isolation'), ...result.isolation.map((line) => `  ${shownLine(line)}`));
  lines.push('', paint('strong', 'what holds on this machine'));
  for (const { name, holds, how } of result.features) {
    lines.push(
      `  ${holds ? paint('good', 'holds') : paint('bad', 'FAILS')}  ${shownLine(name)}: ${shownLine(how)}`,
    );
  }
  return lines;
}
