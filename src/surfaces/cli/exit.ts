import type { GatehouseError } from '../../kernel/index.ts';

/** What a script can tell apart without reading text; documented in docs/reference/cli.md. */
export const EXIT = {
  ok: 0,
  failed: 1,
  usage: 2,
  refused: 3,
  unreachable: 4,
  findings: 5,
  waiting: 6,
  interrupted: 130,
} as const;

export const EXIT_MEANING: readonly (readonly [code: number, meaning: string])[] = [
  [EXIT.ok, 'done'],
  [EXIT.failed, 'the operation failed, or what it checked is not in order'],
  [EXIT.usage, 'the command line or the input is wrong; nothing was done'],
  [EXIT.refused, 'refused: not authenticated, a scope is missing, or a rule denies it'],
  [EXIT.unreachable, 'no gateway runs, or it cannot be reached'],
  [
    EXIT.findings,
    'something is not in order: `doctor` or `security audit` found something of severity warning or worse, `token scan` a ' +
      'live token, `drift check` a difference, `inventory listeners` an undeclared socket, `attest` an area that does not ' +
      'hold, or `ledger anchor` or `ledger export status` a place that fails',
  ],
  [EXIT.waiting, 'it waits for an approval (`agent --no-wait`, `tools invoke`, `sandbox exec`)'],
  [EXIT.interrupted, 'stopped from the keyboard'],
];

const UNREACHABLE = new Set(['CLI_GATEWAY_NOT_RUNNING', 'CLI_GATEWAY_UNREACHABLE', 'CLI_ANSWER_INVALID']);
const USAGE = new Set([
  'CLI_USAGE',
  'CLI_URL_INVALID',
  'CLI_FILE_UNREADABLE',
  'OP_INPUT_INVALID',
  'SESSION_KEY_INVALID',
  'DRILL_UNKNOWN',
]);

/** Errors inside a stream come without a status of their own; these codes say themselves that it is a refusal. */
const REFUSAL = /^AUTH_|_(NOT_ALLOWED|DENIED)$/;

/** The exit code of a failed command. */
export function exitCodeOf(error: GatehouseError): number {
  if (error.code === 'CLI_INTERRUPTED') return EXIT.interrupted;
  if (UNREACHABLE.has(error.code)) return EXIT.unreachable;
  if (USAGE.has(error.code)) return EXIT.usage;
  // Something that does not exist, or is not in that state, is no refusal, whatever control says it.
  if (error.status === 404 || error.status === 409) return EXIT.failed;
  const refused = error.status === 401 || error.status === 403 || REFUSAL.test(error.code);
  return refused ? EXIT.refused : EXIT.failed;
}
