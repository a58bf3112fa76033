import { described, type GrantRecord } from '../../../controls/grants/index.ts';
import type { Effect } from '../../../kernel/index.ts';
import { shownLine } from '../terminal.ts';
import { formatDuration, formatInstant } from '../time.ts';
import { asTyped, type View } from '../view.ts';
import { table } from './table.ts';

interface Opens {
  readonly effect: Effect;
  readonly rule: string;
  readonly reason: string;
}

export interface Granted {
  readonly grant: GrantRecord;
  readonly opens: Opens;
}

export interface GrantLists {
  readonly grants: readonly GrantRecord[];
  readonly configured: readonly {
    readonly id: string;
    readonly layer: string;
    readonly kind: string;
    readonly owner: string;
    readonly ticket: string;
    readonly expiresAt: number;
  }[];
}

export interface GrantStory extends Granted {
  readonly uses: number;
  readonly history: readonly {
    readonly at: number;
    readonly writer: string;
    readonly action: string;
    readonly by: string;
  }[];
}

function stateOf({ status, breakglass, expiresAt, endedAt, endedBy, requestedBy }: GrantRecord): string {
  if (status === 'waiting') return `waits, asked for by ${requestedBy}`;
  if (status === 'ended') return `ended ${formatInstant(endedAt ?? 0)} by ${endedBy ?? '?'}`;
  const left = formatDuration(Math.max(0, expiresAt - Date.now()));
  return `${breakglass ? 'EMERGENCY, ' : ''}ends in ${left}`;
}

/** What was granted, what is decided because of it, and how to take it back. */
export function grantedLines({ grant, opens }: Granted, view: View): readonly string[] {
  const { paint } = view;
  const head = `${shownLine(grant.id)}  ${shownLine(described(grant))}  ${stateOf(grant)}`;
  if (grant.status === 'waiting') {
    return [head, asTyped(`Somebody else has to say yes: gatehouse grant approve ${grant.id}`, view)];
  }
  const verdict =
    opens.effect === 'allow'
      ? paint('good', 'Open now.')
      : paint('bad', `Still refused by ${shownLine(opens.rule)}: ${shownLine(opens.reason)}`);
  const why = `${shownLine(grant.owner)}, ${shownLine(grant.ticket)}: ${shownLine(grant.reason)}`;
  return [head, why, verdict, asTyped(`To end it now: gatehouse grant revoke ${grant.id}`, view)];
}

export function grantListLines({ grants, configured }: GrantLists, view: View): readonly string[] {
  const made = table(
    grants,
    [
      { title: 'ID', value: ({ id }) => id },
      { title: 'OPENS', value: described },
      { title: 'STATE', value: stateOf },
      { title: 'OWNER', value: ({ owner }) => owner },
      { title: 'TICKET', value: ({ ticket }) => ticket },
      { title: 'REASON', value: ({ reason }) => reason },
    ],
    view,
    'Nothing is granted by command.',
  );
  if (configured.length === 0) return made;
  const rows = table(
    configured,
    [
      { title: 'ID', value: ({ id }) => id },
      { title: 'LAYER', value: ({ layer }) => layer },
      { title: 'KIND', value: ({ kind }) => kind },
      { title: 'ENDS', value: ({ expiresAt }) => formatInstant(expiresAt) },
      { title: 'OWNER', value: ({ owner }) => owner },
      { title: 'TICKET', value: ({ ticket }) => ticket },
    ],
    view,
    '',
  );
  return [...made, '', 'In the configuration:', ...rows];
}

export function grantStoryLines({ history, uses, ...granted }: GrantStory, view: View): readonly string[] {
  const lines = history.map(
    ({ at, writer, action, by }) =>
      `${formatInstant(at)}  ${shownLine(writer)}  ${shownLine(action)}  ${shownLine(by)}`,
  );
  const used = `It let ${uses} connection${uses === 1 ? '' : 's'} through.`;
  return [...grantedLines(granted, view), used, '', ...lines];
}

export function revokedLines({ grant }: { readonly grant: GrantRecord }): readonly string[] {
  return [`${shownLine(grant.id)}  ${shownLine(described(grant))} has ended.`];
}
