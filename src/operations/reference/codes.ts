import { MODEL_CODES, SESSION_CODES, TOOL_CODES, TURN_CODES } from '../../agents/index.ts';
import { CHANNEL_CODES } from '../../channels/index.ts';
import { CONFIG_CODES, PLAYBOOK_CODES } from '../../configuration/index.ts';
import { ALERTING_CODES } from '../../controls/alerting/index.ts';
import { AUTH_CODES } from '../../controls/auth/index.ts';
import { BACKUP_CODES } from '../../controls/backup/index.ts';
import { BUDGET_CODES } from '../../controls/budget/index.ts';
import { DRILL_CODES } from '../../controls/drills/index.ts';
import { EGRESS_CODES } from '../../controls/egress/index.ts';
import { APPROVAL_CODES, EXECUTION_CODES } from '../../controls/execution/index.ts';
import { GRANT_CODES } from '../../controls/grants/index.ts';
import { INSTANCE_CODES } from '../../controls/instances/index.ts';
import { LISTEN_CODES, REACH_CODES } from '../../controls/listen/index.ts';
import { REPAIR_CODES } from '../../controls/repairs/index.ts';
import { SECRETS_CODES } from '../../controls/secrets/index.ts';
import { ADMISSION_CODES, SENDERS_CODES } from '../../controls/senders/index.ts';
import { EVIDENCE_CODES, EXPORT_CODES, LEDGER_CODES } from '../../controls/trace/index.ts';
import {
  type CodeTable,
  DECISION_ALLOWED,
  DECISION_CODES,
  DECISION_NO_AUTHORITY,
  DECISION_UNKNOWN_ACTION,
  KERNEL_CODES,
} from '../../kernel/index.ts';
import { OP_CODES } from '../codes.ts';

/** The codes of one folder, for the reference pages and the architecture test. */
export interface CodeChapter {
  readonly title: string;
  readonly table: CodeTable;
}

/** Every failure code up to this layer. What is not in a table here or above cannot be thrown. */
export const CODE_CHAPTERS: readonly CodeChapter[] = [
  { title: 'Kernel', table: KERNEL_CODES.table },
  { title: 'Operations', table: OP_CODES.table },
  { title: 'Authentication', table: AUTH_CODES.table },
  { title: 'Listening', table: LISTEN_CODES.table },
  { title: 'Ways in from outside', table: REACH_CODES.table },
  { title: 'Channels', table: CHANNEL_CODES.table },
  { title: 'Senders', table: SENDERS_CODES.table },
  { title: 'Commands and files', table: EXECUTION_CODES.table },
  { title: 'Approvals', table: APPROVAL_CODES.table },
  { title: 'Egress', table: EGRESS_CODES.table },
  { title: 'Grants', table: GRANT_CODES.table },
  { title: 'Instances', table: INSTANCE_CODES.table },
  { title: 'Budgets', table: BUDGET_CODES.table },
  { title: 'Backups', table: BACKUP_CODES.table },
  { title: 'Repairs', table: REPAIR_CODES.table },
  { title: 'Secrets', table: SECRETS_CODES.table },
  { title: 'Ledger', table: LEDGER_CODES.table },
  { title: 'Delivery of the ledger', table: EXPORT_CODES.table },
  { title: 'Alerts', table: ALERTING_CODES.table },
  { title: 'Drills', table: DRILL_CODES.table },
  { title: 'Baselines and attestations', table: EVIDENCE_CODES.table },
  { title: 'Sessions', table: SESSION_CODES.table },
  { title: 'Turns', table: TURN_CODES.table },
  { title: 'Models', table: MODEL_CODES.table },
  { title: 'Tools', table: TOOL_CODES.table },
  { title: 'Configuration', table: CONFIG_CODES.table },
  { title: 'Playbooks', table: PLAYBOOK_CODES.table },
];

/** A code that a decision can carry, and when. */
export interface DecisionCode {
  readonly code: string;
  readonly meaning: string;
}

/** Every code of a decision: it is an answer, not a failure, and has its rule beside it. */
export const DECISIONS: readonly DecisionCode[] = [
  { code: DECISION_ALLOWED, meaning: 'allowed by the rule named beside it' },
  { code: DECISION_NO_AUTHORITY, meaning: 'nobody said what the caller may do, so nothing is allowed' },
  { code: DECISION_UNKNOWN_ACTION, meaning: 'an action that is not described cannot be decided' },
  { code: ADMISSION_CODES.notMentioned, meaning: 'in a group, the agent was not addressed; kept as context' },
  { code: ADMISSION_CODES.pairingPending, meaning: 'the sender has a pairing code that nobody has answered' },
  { code: ADMISSION_CODES.pairingFull, meaning: 'three strangers wait on the channel already' },
  { code: ADMISSION_CODES.pairingDenied, meaning: 'an operator turned the sender down less than a day ago' },
  ...Object.entries(DECISION_CODES).flatMap(([kind, codes]) => [
    { code: codes.none, meaning: `no rule allows \`${kind}\`` },
    { code: codes.denied, meaning: `a rule denies \`${kind}\`` },
    { code: codes.ask, meaning: `a rule wants a person to answer before \`${kind}\`` },
  ]),
];
