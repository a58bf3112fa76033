/** A rule that alerts can come from (A9, T4). Its runbook is the section of its name in docs/operating/alerts.md. */
export interface AlertRule {
  /** `<area>.<what happened>`, as the ledger and the alert carry it. */
  readonly id: string;
  /** What it means, in one sentence. */
  readonly means: string;
  /** What to type first. */
  readonly command: string;
}

/** Every rule there is. What is not listed here cannot be told to anybody in words that somebody has read before. */
export const ALERT_RULES: readonly AlertRule[] = [
  {
    id: 'alerts.silenced',
    means: 'Somebody with administration rights told Gatehouse to be quiet about a rule for a while.',
    command: 'gatehouse alerts silences',
  },
  {
    id: 'alerts.undelivered',
    means: 'A destination took no alert for a day: whoever reads it does not know what happened.',
    command: 'gatehouse alerts test',
  },
  {
    id: 'approvals.guessing',
    means: 'Wrong approval codes came from the chat of an approver; all codes of that chat were ended.',
    command: 'gatehouse ledger tail --action approval.refused --limit 20',
  },
  {
    id: 'approvals.waiting',
    means: 'A question to a person has waited long, and the work behind it stands still.',
    command: 'gatehouse approvals list',
  },
  {
    id: 'auth.denied-spike',
    means: 'Somebody who proved who it is tries again and again what it may not do.',
    command: 'gatehouse ledger tail --type decision --limit 50',
  },
  {
    id: 'auth.oidc-unavailable',
    means: 'The keys of an identity provider cannot be read; known keys work for a bounded time.',
    command: 'gatehouse egress log --limit 20',
  },
  {
    id: 'auth.restored-credential',
    means: 'An older state.db was put back in which revoked tokens were valid. They were revoked again.',
    command: 'gatehouse token list',
  },
  {
    id: 'auth.spike',
    means: 'One client is refused again and again: somebody guesses, or a rotated token is still in use.',
    command: 'gatehouse ledger tail --type login --limit 50',
  },
  {
    id: 'auth.token-exposed',
    means: 'A live token was found in a file, a backup or a log where others can read it.',
    command: 'gatehouse token status',
  },
  {
    id: 'backup.failed',
    means: 'A backup could not be made; nothing of it was kept, and earlier ones stay.',
    command: 'gatehouse backup list',
  },
  {
    id: 'backup.too-old',
    means: 'There is no good backup that is as new as backup.maxAgeHours wants.',
    command: 'gatehouse backup list',
  },
  {
    id: 'budget.use',
    means: 'A budget is nearly or wholly used; at the limit further work is refused.',
    command: 'gatehouse budget show',
  },
  {
    id: 'channel.unknown-send',
    means:
      'Answers may or may not have reached their readers, because the process ended while they were sent.',
    command: 'gatehouse channels status',
  },
  {
    id: 'config.refused',
    means: 'A changed configuration or egress policy cannot be used; the old one stays in force.',
    command: 'gatehouse config validate',
  },
  {
    id: 'drift.baseline',
    means: 'The stored baseline is not what was signed: somebody changed what drift is measured against.',
    command: 'gatehouse ledger tail --type change --limit 50',
  },
  {
    id: 'drift.found',
    means: 'The install differs from its approved baseline.',
    command: 'gatehouse drift check',
  },
  {
    id: 'drill.failed',
    means: 'A control did not hold when it was tried on the live install.',
    command: 'gatehouse drill history --limit 5',
  },
  {
    id: 'egress.asked',
    means: 'An agent asks for a destination that no rule opens.',
    command: 'gatehouse approvals list',
  },
  {
    id: 'egress.down',
    means:
      'The egress process does not answer: no model call, no tool with network and no signature is possible.',
    command: 'gatehouse gateway status',
  },
  {
    id: 'egress.spike',
    means: 'A run tries again and again to connect to where it may not.',
    command: 'gatehouse egress log --limit 50',
  },
  {
    id: 'grant.breakglass',
    means: 'Somebody opened something in an emergency, without the usual second person.',
    command: 'gatehouse grant list',
  },
  {
    id: 'grant.ended',
    means: 'A time-boxed widening has ended; what needed it is refused from now on.',
    command: 'gatehouse grant list --ended',
  },
  {
    id: 'grant.not-honoured',
    means: 'A stored grant is not what was recorded, or is more than the policy allows. It opens nothing.',
    command: 'gatehouse grant list',
  },
  {
    id: 'grant.unusual',
    means: 'A grant is used more, or otherwise, than its kind usually is.',
    command: 'gatehouse egress log --limit 50',
  },
  {
    id: 'honeytoken.used',
    means: 'A planted credential was used or shown: somebody read what nobody had a reason to read.',
    command: 'gatehouse honeytoken check',
  },
  {
    id: 'ledger.anchor-conflict',
    means: 'Another install shows a history of its ledger that is not the one it showed before.',
    command: 'gatehouse ledger search --action ledger.anchor-kept',
  },
  {
    id: 'ledger.anchor-failed',
    means:
      'Signed checkpoints do not reach a place outside; until they do, a cut end of the ledger shows only here.',
    command: 'gatehouse ledger anchor',
  },
  {
    id: 'ledger.broken',
    means: 'Records of the ledger were edited, moved or cut off, or its signatures do not hold.',
    command: 'gatehouse ledger verify',
  },
  {
    id: 'ledger.export-lag',
    means:
      'A collector has taken no event of the ledger for a while; nothing is lost, but it does not see what happens.',
    command: 'gatehouse ledger export status',
  },
  {
    id: 'ledger.export-refused',
    means: 'A collector refused a record for good, and it was passed over: the collector will never have it.',
    command: 'gatehouse ledger export status',
  },
  {
    id: 'ledger.export-restarted',
    means:
      'How far a collector was delivered is not known any more, so delivery began anew from what is certain.',
    command: 'gatehouse ledger verify',
  },
  {
    id: 'ledger.unsigned',
    means:
      'The head of the ledger has not been signed for a while, so a change of its end would not be found.',
    command: 'gatehouse gateway status',
  },
  {
    id: 'listener.certificate',
    means: 'The certificate of a listener ends soon; after that clients are refused by their own check.',
    command: 'gatehouse doctor',
  },
  {
    id: 'listener.drift',
    means: 'A process of Gatehouse listens where nothing declares it, or a declared listener is gone.',
    command: 'gatehouse inventory listeners',
  },
  {
    id: 'listener.grant-ended',
    means: 'The grant for an exposed listener has ended; the listener is closed.',
    command: 'gatehouse grant list --ended',
  },
  {
    id: 'listener.not-applied',
    means: 'The listeners of a new configuration could not be opened; the old ones go on.',
    command: 'gatehouse inventory listeners',
  },
  {
    id: 'secrets.misuse',
    means: 'A run tried to send a secret to a host or in a place that it is not bound to.',
    command: 'gatehouse secrets list',
  },
  {
    id: 'secrets.write-back-kept',
    means: 'A file with credentials was not written back after a run, and lies in a place of its own.',
    command: 'gatehouse ledger tail --type alert --limit 20',
  },
  {
    id: 'senders.spike',
    means: 'Somebody who is not let in goes on writing to an agent.',
    command: 'gatehouse senders list',
  },
];

const BY_ID: ReadonlyMap<string, AlertRule> = new Map(ALERT_RULES.map((rule) => [rule.id, rule]));

/** Undefined for a rule of another version of Gatehouse. */
export function alertRule(id: string): AlertRule | undefined {
  return BY_ID.get(id);
}

/** The section of a rule in its runbook page, as Markdown renderers name it. */
export function runbookAnchor(id: string): string {
  return id.replaceAll('.', '');
}
