import { DECISIONS } from '../../src/operations/reference/codes.ts';
import { ALL_CODES } from './code-tables.ts';
import { page, table } from './markdown.ts';

/** docs/reference/codes.md */
export function codesPage(): string {
  const chapters = ALL_CODES.flatMap(({ title, table: codes }) => [
    `## ${title}`,
    table(
      ['code', 'status', 'what happened', 'what to do'],
      Object.entries(codes).map(([code, { status, summary, fix }]) => [
        `\`${code}\``,
        String(status),
        summary,
        fix,
      ]),
    ),
  ]);
  return page([
    '# Codes',
    'Every failure has a stable code, a message that is safe to show, and a fix. The status is the one of HTTP ' +
      '(RFC 9110); the command line turns it into an exit code, see [cli.md](cli.md#exit-codes).',
    '## Decisions',
    'A decision carries one of these codes together with its effect, its rule (`layer/rule`) and a reason. The ' +
      'absence of a rule is a denial.',
    table(
      ['code', 'meaning'],
      DECISIONS.map(({ code, meaning }) => [`\`${code}\``, meaning]),
    ),
    ...chapters,
  ]);
}
