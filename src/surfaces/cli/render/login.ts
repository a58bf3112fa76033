import type { BrowserSession, LoginLink } from '../../../controls/auth/types.ts';
import { shownLine } from '../terminal.ts';
import { formatInstant } from '../time.ts';
import type { View } from '../view.ts';
import { table } from './table.ts';

export function linkLines(
  { url, name, expiresAt }: Omit<LoginLink, 'code'> & { readonly url: string },
  view: View,
): readonly string[] {
  return [
    shownLine(url),
    '',
    `Logs a browser in as ${shownLine(name)}, once, until ${formatInstant(expiresAt)}.`,
    view.paint('warn', 'Give it to nobody: whoever opens it first is you.'),
  ];
}

export function sessionLines(sessions: readonly BrowserSession[], view: View): readonly string[] {
  return table(
    sessions,
    [
      { title: 'ID', value: (row) => row.id },
      { title: 'WHO', value: (row) => row.name },
      { title: 'SCOPES', value: (row) => row.scopes.join(', ') },
      { title: 'LAST USED', value: (row) => formatInstant(row.lastSeenAt) },
      { title: 'IDLE UNTIL', value: (row) => formatInstant(row.idleUntil) },
      { title: 'ENDS', value: (row) => formatInstant(row.expiresAt) },
      { title: 'FROM', value: (row) => row.address },
      { title: 'BROWSER', value: (row) => row.userAgent },
    ],
    view,
    'No browser sessions.',
  );
}
