/** Version of the schema that events are written against: https://schema.ocsf.io/1.3.0/ */
export const OCSF_VERSION = '1.3.0';

interface OcsfClass {
  readonly uid: number;
  readonly name: string;
  readonly category: readonly [uid: number, name: string];
}

const IAM = [3, 'Identity & Access Management'] as const;
const FINDINGS = [2, 'Findings'] as const;
const APPLICATION = [6, 'Application Activity'] as const;

/** The event classes that records of the ledger become. */
export const OCSF_CLASSES = {
  process: { uid: 1007, name: 'Process Activity', category: [1, 'System Activity'] },
  compliance: { uid: 2003, name: 'Compliance Finding', category: FINDINGS },
  detection: { uid: 2004, name: 'Detection Finding', category: FINDINGS },
  account: { uid: 3001, name: 'Account Change', category: IAM },
  authentication: { uid: 3002, name: 'Authentication', category: IAM },
  entity: { uid: 3004, name: 'Entity Management', category: IAM },
  network: { uid: 4001, name: 'Network Activity', category: [4, 'Network Activity'] },
  lifecycle: { uid: 6002, name: 'Application Lifecycle', category: APPLICATION },
  api: { uid: 6003, name: 'API Activity', category: APPLICATION },
} as const satisfies Readonly<Record<string, OcsfClass>>;
export type OcsfClassName = keyof typeof OCSF_CLASSES;

/** An activity of a class: its number there, and its caption. */
export type Activity = readonly [id: number, name: string];

/** `Other`: the name then says what it was. */
export const OTHER = 99;

const CRUD = {
  create: [1, 'Create'],
  read: [2, 'Read'],
  update: [3, 'Update'],
  delete: [4, 'Delete'],
} as const satisfies Readonly<Record<string, Activity>>;

/** Words at the end of an action, and which of create, read, update and delete each is. */
const WORDS: Readonly<Record<string, keyof typeof CRUD>> = {
  add: 'create',
  added: 'create',
  allow: 'create',
  baseline: 'create',
  create: 'create',
  created: 'create',
  granted: 'create',
  issue: 'create',
  issued: 'create',
  made: 'create',
  opened: 'create',
  planted: 'create',
  requested: 'create',
  apply: 'update',
  applied: 'update',
  approve: 'update',
  approved: 'update',
  changed: 'update',
  reload: 'update',
  reloaded: 'update',
  resolve: 'update',
  rollback: 'update',
  set: 'update',
  updated: 'update',
  delete: 'delete',
  deleted: 'delete',
  ended: 'delete',
  expired: 'delete',
  remove: 'delete',
  removed: 'delete',
  revoke: 'delete',
  revoked: 'delete',
  use: 'read',
  checked: 'read',
  list: 'read',
  read: 'read',
  show: 'read',
};

/** The activity that an action's last word stands for; anything else keeps its own name under Other. */
export function crudActivity(action: string): Activity {
  const word = action.slice(action.lastIndexOf('.') + 1);
  const known = Object.hasOwn(WORDS, word) ? WORDS[word] : undefined;
  return known === undefined ? [OTHER, action] : CRUD[known];
}
