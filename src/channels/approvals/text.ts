import type { ApprovalRecord } from '../../controls/execution/types.ts';

/** Characters of one question that a chat shows; whatever is longer is read where it can be read in full. */
export const MAX_QUESTION = 40_000;

/** An approval with the code that answers it. */
export interface Asked {
  readonly record: ApprovalRecord;
  readonly code: string;
}

/** Each line of what an agent wrote begins with a bar, so that none of them can pose as a line of ours (attack 74). */
function quoted(text: string): readonly string[] {
  return text.split('\n').map((line) => `| ${line}`);
}

function line(name: string, value: string): readonly string[] {
  return value === '' ? [] : [`${name}: ${value.replaceAll('\n', ' ')}`];
}

function bodyOf(record: ApprovalRecord): readonly string[] {
  const { title, reason, rule, subject, binding, commandText, diff, reach, people, allowedBy } = record;
  const files = (names: readonly string[]): string => names.join(', ');
  return [
    ...line('What', title),
    ...line('Why it is asked', reason),
    ...line('Rule', rule),
    ...line('For', `agent ${binding.agent}, session ${subject.session ?? binding.session}`),
    ...line('Started by', subject.principal),
    ...line('Where', binding.cwd),
    ...quoted(commandText),
    ...(diff === null ? [] : ['Change:', ...quoted(diff)]),
    ...line('Reaches', files(reach?.hosts ?? [])),
    ...(reach?.network === true && reach.hosts.length === 0
      ? ['Reaches: every host that the agent may reach']
      : []),
    ...line('Reads', files(reach?.reads ?? [])),
    ...line('Writes', files(reach?.writes ?? [])),
    ...(people > 1 ? [`${people} people must allow it; ${allowedBy.length} did.`] : []),
    `Open until ${new Date(record.expiresAt).toISOString()}`,
  ];
}

function answersOf({ record, code }: Asked): readonly string[] {
  const isEgress = record.binding.tool === 'egress';
  const [once, session] = isEgress
    ? ['For one hour', 'For this session']
    : ['Once', 'The same in this session'];
  return [
    `${once}: /approve_${code}`,
    `${session}: /approve ${code} session`,
    `For a time: /approve ${code} 30m`,
    `No: /deny_${code}`,
  ];
}

/**
 * The whole question, nothing cut off. What agents wrote passes `redact`, and a text that it changed says so: a person
 * must not take it for the whole.
 */
export function questionText(
  asked: readonly Asked[],
  together: string | undefined,
  redact: (text: string) => string,
): string {
  const parts = asked.flatMap((one, index) => {
    const body = bodyOf(one.record).join('\n');
    const safe = redact(body);
    const number = asked.length > 1 ? [`--- ${index + 1} of ${asked.length}`] : [];
    const hidden = safe === body ? [] : ['(A credential in it is hidden here.)'];
    return [...number, safe, ...hidden, ...answersOf(one), ''];
  });
  const all =
    together === undefined
      ? []
      : [`All ${asked.length}, each once: /approve_${together}`, `None: /deny_${together}`];
  const head =
    asked.length > 1
      ? `Approval needed: ${asked.length} actions that were asked for together`
      : 'Approval needed';
  return [head, 'Lines with a bar are what the agent wrote.', ...parts, ...all].join('\n').trim();
}

/** For a question that no chat can show: it is answered where it can be read. */
export function tooLongText(records: readonly ApprovalRecord[]): string {
  const ids = records.map(({ id }) => `gatehouse approvals show ${id}`);
  return [
    'Approval needed, and too long to be shown in full here. Read and answer it on the command line:',
    ...ids,
  ].join('\n');
}

/** Characters of a command that a line about its end repeats: it tells which one, and nobody decides by it. */
const MAX_NAMED = 120;

function named({ title, commandText }: ApprovalRecord, redact: (text: string) => string): string {
  const text = redact(`${title}: ${commandText}`).replaceAll('\n', ' ');
  return text.length <= MAX_NAMED ? text : `${text.slice(0, MAX_NAMED)}...`;
}

/** How a question that was asked here has ended. */
export function endedText(record: ApprovalRecord, redact: (text: string) => string): string {
  const { status, resolvedBy } = record;
  const by = resolvedBy === null ? '' : ` by ${resolvedBy}`;
  const how = status === 'consumed' ? 'allowed' : status;
  return `No answer is needed any more: ${named(record, redact)} (${how}${by}).`;
}

/** What whoever answered is told. */
export function answeredText(record: ApprovalRecord, redact: (text: string) => string): string {
  const { status, people, allowedBy, decision, standingUntil } = record;
  const what = named(record, redact);
  if (status === 'pending')
    return `Noted: ${what} (${allowedBy.length} of ${people}). ${people - allowedBy.length} more must allow it.`;
  if (decision === 'deny') return `Refused: ${what}.`;
  const until = standingUntil === null ? '' : `, and the same until ${new Date(standingUntil).toISOString()}`;
  return `Allowed: ${what}${until}.`;
}
