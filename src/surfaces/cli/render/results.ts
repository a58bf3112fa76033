import type { SessionRow, StoredMessage, ToolDescription, ToolOutcome } from '../../../agents/types.ts';
import type { ConfigIssue, ConfigSnapshot } from '../../../configuration/types.ts';
import type { AlertDetails, AlertSilence } from '../../../controls/alerting/types.ts';
import type {
  BrowserSession,
  DeviceRecord,
  LoginLink,
  PendingDevice,
  PrincipalRecord,
  TokenSummary,
} from '../../../controls/auth/types.ts';
import type { BackupRecord } from '../../../controls/backup/types.ts';
import type { DrillReport } from '../../../controls/drills/types.ts';
import type {
  ApprovalRecord,
  StandingApproval,
  StandingSuggestion,
} from '../../../controls/execution/types.ts';
import type { GrantRecord } from '../../../controls/grants/types.ts';
import type { RepairRecord } from '../../../controls/repairs/types.ts';
import type { PendingPairing, SenderRecord } from '../../../controls/senders/types.ts';
import type { AnchorStatus, LedgerRecord, VerifyReport } from '../../../controls/trace/types.ts';
import {
  type EgressVerdict,
  type ExportStatus,
  type Finding,
  isSeriousFinding,
} from '../../../kernel/index.ts';
import type { EgressLineShape } from '../../../operations/egress/log.ts';
import type { InventoryItem } from '../../../operations/inventory/items.ts';
import type { ChannelStatus, MeasuredListener } from '../../../operations/services.ts';
import { EXIT } from '../exit.ts';
import { shown, shownLine } from '../terminal.ts';
import { asTyped, type View } from '../view.ts';
import * as access from './access.ts';
import * as told from './alerts.ts';
import * as backup from './backup.ts';
import * as budget from './budget.ts';
import * as doctor from './doctor.ts';
import * as drift from './drift.ts';
import * as drills from './drills.ts';
import * as egress from './egress.ts';
import { explainLines, type SandboxExplanation } from './explain.ts';
import { fieldLines, genericLines } from './generic.ts';
import * as grants from './grants.ts';
import * as instances from './instances.ts';
import { inventoryLines } from './inventory.ts';
import * as ledger from './ledger.ts';
import * as lists from './lists.ts';
import { linkLines, sessionLines } from './login.ts';
import * as reports from './reports.ts';
import { type BackendRow, backendLines, type SetupResult, setupLines } from './sandbox.ts';
import * as secrets from './secrets.ts';

/** How one operation's result looks to a person, and what it means for a script. */
interface Form {
  lines?(result: never, view: View): readonly string[];
  exit?(result: never): number;
}

function form<Result>(
  lines: (result: Result, view: View) => readonly string[],
  exit?: (result: Result) => number,
): Form {
  return exit === undefined ? { lines } : { lines, exit };
}

const approval = form<{ approval: ApprovalRecord }>((result, view) =>
  lists.approvalLines(result.approval, view),
);

const toolOutcome = form<ToolOutcome>(reports.toolOutcomeLines, (result) => {
  if (!result.isError) return EXIT.ok;
  if (result.requiresApproval !== undefined) return EXIT.waiting;
  return /_(NOT_ALLOWED|DENIED)$/.test(result.code ?? '') ? EXIT.refused : EXIT.failed;
});

/** A file as it is, to be redirected into place; line ends of RFC 4180 become those of this system. */
const plainText = form<{ text: string }>(({ text }) => text.trimEnd().split(/\r?\n/).map(shown));

const inventory = form<{ items: InventoryItem[]; text: string }>(({ items, text }, view) =>
  text === '' ? inventoryLines(items, view) : text.trimEnd().split(/\r?\n/).map(shown),
);

const snapshot = form<{ snapshot: ConfigSnapshot }>(({ snapshot: { number } }, view) => [
  `Applied and kept as snapshot ${number}.`,
  asTyped(`To undo it: gatehouse config rollback ${number - 1} --reason WHY`, view),
]);

function reloadVerdict(applied: boolean, unchanged: boolean, { paint }: View): string {
  if (applied) return 'Applied.';
  if (unchanged) return 'Nothing changed: this is the configuration that runs.';
  return paint('bad', 'Not applied: the running configuration stays.');
}

const granted = form<grants.Granted>(grants.grantedLines, ({ opens, grant }) =>
  grant.status === 'active' && opens.effect !== 'allow' ? EXIT.refused : EXIT.ok,
);

const reloaded = form<{ applied: boolean; unchanged: boolean; issues: ConfigIssue[] }>(
  ({ applied, unchanged, issues }, view) => [
    ...lists.issueLines(issues, view),
    reloadVerdict(applied, unchanged, view),
  ],
  ({ applied, unchanged }) => (applied || unchanged ? EXIT.ok : EXIT.failed),
);

const FORMS: Readonly<Record<string, Form>> = {
  'backup.list': form<{ backups: BackupRecord[] }>(({ backups }, view) => backup.backupLines(backups, view)),
  'backup.create': form<{ backup: BackupRecord }>((result, view) => backup.madeLines(result.backup, view)),
  'anchor.list': form<{ checkpoints: ledger.KeptCheckpoints }>(({ checkpoints }, view) =>
    ledger.keptLines(checkpoints, view),
  ),
  'budget.show': form<budget.Budget>(budget.budgetLines),
  'instances.list': form<{ instances: instances.Installs }>(({ instances: all }, view) =>
    instances.instanceLines(all, view),
  ),
  'sessions.list': form<{ sessions: SessionRow[]; total: number }>(({ sessions, total }, view) =>
    lists.sessionLines(sessions, total, view),
  ),
  'agents.list': form<{ agents: Parameters<typeof lists.agentLines>[0] }>(({ agents }, view) =>
    lists.agentLines(agents, view),
  ),
  'models.list': form<{ models: lists.ModelRow[] }>(({ models }, view) => lists.modelLines(models, view)),
  'tools.list': form<{ tools: ToolDescription[] }>(({ tools }, view) => lists.toolLines(tools, view)),
  'tools.invoke': toolOutcome,
  'sandbox.exec': toolOutcome,
  'sandbox.list': form<{ backends: BackendRow[] }>(({ backends }, view) => backendLines(backends, view)),
  'sandbox.setup': form<SetupResult>(setupLines),
  'sandbox.explain': form<SandboxExplanation>(explainLines),
  'chat.history': form<{ messages: StoredMessage[] }>(({ messages }, view) =>
    reports.messageLines(messages, view),
  ),
  'approvals.list': form<{ approvals: ApprovalRecord[] }>(({ approvals }, view) =>
    lists.approvalListLines(approvals, view),
  ),
  'approvals.batch': form<{ approvals: ApprovalRecord[] }>(({ approvals }, view) =>
    lists.approvalListLines(approvals, view),
  ),
  'approvals.suggest': form<{ suggestions: StandingSuggestion[] }>(({ suggestions }, view) =>
    lists.suggestionLines(suggestions, view),
  ),
  'standing.list': form<{ standing: StandingApproval[] }>(({ standing }, view) =>
    lists.standingLines(standing, view),
  ),
  'approvals.show': approval,
  'approvals.resolve': approval,
  'approvals.approve': approval,
  'approvals.deny': approval,
  'token.issue': form<{ token: string; summary: TokenSummary }>(({ token, summary }, view) => [
    shownLine(token),
    '',
    view.paint('warn', 'Keep it now: it is not stored and not shown again.'),
    ...fieldLines({ ...summary }, view),
  ]),
  'token.list': form<{ tokens: TokenSummary[] }>(({ tokens }, view) =>
    lists.tokenLines(tokens, Date.now(), view),
  ),
  'login.link': form<LoginLink & { url: string }>(linkLines),
  'login.list': form<{ sessions: BrowserSession[] }>(({ sessions }, view) => sessionLines(sessions, view)),
  'token.status': form<{ versions: access.TokenVersions }>(({ versions }, view) =>
    access.statusLines(versions, view),
  ),
  'principal.list': form<{ principals: PrincipalRecord[] }>(({ principals }, view) =>
    access.principalLines(principals, view),
  ),
  'secrets.list': form<secrets.SecretsListed>(secrets.secretLines),
  'secrets.check': form<secrets.SecretsChecked>(secrets.secretCheckLines, ({ secrets: all }) =>
    all.every(({ usable }) => usable) ? EXIT.ok : EXIT.failed,
  ),
  'secrets.explain': form<secrets.SecretExplained>(secrets.secretExplainLines, ({ allowed }) =>
    allowed ? EXIT.ok : EXIT.refused,
  ),
  'honeytoken.list': form<{ honeytokens: secrets.HoneytokensShown }>(({ honeytokens }, view) =>
    secrets.honeytokenLines(honeytokens, view),
  ),
  'honeytoken.check': form<{ honeytokens: secrets.HoneytokensShown }>(
    ({ honeytokens }, view) => secrets.honeytokenLines(honeytokens, view),
    ({ honeytokens }) => (honeytokens.every(({ state }) => state === 'in place') ? EXIT.ok : EXIT.failed),
  ),
  'senders.list': form<{ senders: SenderRecord[] }>(({ senders }, view) => access.senderLines(senders, view)),
  'pairing.list': form<{ pending: PendingPairing[] }>(({ pending }, view) =>
    access.pairingLines(pending, view),
  ),
  'ledger.who': form<{ talked: access.Talked; truncated: boolean }>(({ talked, truncated }, view) =>
    access.whoLines(talked, truncated, view),
  ),
  'metrics.show': plainText,
  'report.create': plainText,
  'alerts.list': form<{ alerts: told.Alerted }>(({ alerts }, view) => told.alertLines(alerts, view)),
  'alerts.show': form<AlertDetails>(told.detailLines),
  'alerts.ack': form<AlertDetails>(told.detailLines),
  'alerts.test': form<told.TestResult>(told.testLines, ({ results }) =>
    results.every(({ sent }) => sent) ? EXIT.ok : EXIT.failed,
  ),
  'alerts.destinations': form<told.Destinations>(told.destinationLines),
  'alerts.silence': form<{ silence: AlertSilence }>(({ silence }, view) =>
    told.silenceLines([silence], view),
  ),
  'alerts.silences': form<{ silences: AlertSilence[] }>(({ silences }, view) =>
    told.silenceLines(silences, view),
  ),
  'alerts.unsilence': form<{ silence: AlertSilence }>(({ silence }) => [
    `${silence.rule} is told again from now on.`,
  ]),
  'channels.status': form<{ accounts: ChannelStatus[] }>(({ accounts }, view) =>
    access.channelLines(accounts, view),
  ),
  'device.list': form<{ pending: PendingDevice[]; paired: DeviceRecord[] }>(({ pending, paired }, view) =>
    lists.deviceLines(pending, paired, view),
  ),
  'config.validate': form<{ ok: boolean; issues: ConfigIssue[] }>(
    ({ ok, issues }, view) => [
      ...lists.issueLines(issues, view),
      ok
        ? view.paint('good', 'The configuration is valid.')
        : view.paint('bad', 'The configuration is not valid.'),
    ],
    ({ ok }) => (ok ? EXIT.ok : EXIT.failed),
  ),
  'config.reload': reloaded,
  'egress.reload': reloaded,
  'config.set': snapshot,
  'config.rollback': snapshot,
  'config.get': form<{ value: unknown }>(({ value }) => reports.valueLines(value)),
  'config.schema': form<{ schema: unknown }>(({ schema }) => reports.valueLines(schema)),
  'config.history': form<{ snapshots: ConfigSnapshot[] }>(({ snapshots }, view) =>
    lists.snapshotLines(snapshots, view),
  ),
  'config.diff': form<{ diff: string }>(({ diff }, view) => reports.diffLines(diff, view)),
  'ledger.tail': form<{ records: LedgerRecord[] }>(({ records }, view) =>
    records.map((record) => lists.recordLine(record, view)),
  ),
  'ledger.search': form<{ records: LedgerRecord[]; next: number | null }>(({ records, next }, view) =>
    ledger.searchLines(records, next, view),
  ),
  'ledger.retire': form<{ parts: ledger.RetiredRow[] }>(({ parts }, view) =>
    ledger.retiredLines(parts, view),
  ),
  'ledger.anchor': form<{ anchors: AnchorStatus[] }>(
    ({ anchors }, view) => ledger.anchorLines(anchors, view),
    ({ anchors }) => (anchors.every(({ failure }) => failure === null) ? EXIT.ok : EXIT.findings),
  ),
  'ledger.delivery': form<{ destinations: ExportStatus[] }>(
    ({ destinations }, view) => ledger.deliveryLines(destinations, view),
    ({ destinations }) => (ledger.isDelivering(destinations) ? EXIT.ok : EXIT.findings),
  ),
  'ledger.verify': form<VerifyReport>(reports.verifyLines, ({ ok }) => (ok ? EXIT.ok : EXIT.failed)),
  'egress.check': form<EgressVerdict>(reports.verdictLines, ({ effect }) =>
    effect === 'allow' ? EXIT.ok : EXIT.refused,
  ),
  'drill.run': form<DrillReport>(drills.reportLines, ({ ok }) => (ok ? EXIT.ok : EXIT.failed)),
  'drill.list': form<{ drills: Parameters<typeof drills.drillListLines>[0] }>(({ drills: listed }, view) =>
    drills.drillListLines(listed, view),
  ),
  'drill.history': form<Parameters<typeof drills.historyLines>[0]>(drills.historyLines),
  'drift.baseline': form(drift.baselineLines),
  'drift.check': form(drift.driftLines, ({ differences }) =>
    differences.length === 0 ? EXIT.ok : EXIT.findings,
  ),
  'egress.explain': form<egress.Explained>(egress.explainedLines, ({ effect }) =>
    effect === 'allow' ? EXIT.ok : EXIT.refused,
  ),
  'egress.log': form<{ lines: EgressLineShape[] }>(({ lines }, view) =>
    lines.length === 0
      ? ['Nothing was asked for in this time.']
      : lines.map((line) => egress.egressLine(line, view)),
  ),
  'egress.top': form<{ destinations: egress.Destination[] }>(({ destinations }, view) =>
    egress.topLines(destinations, view),
  ),
  'egress.diff': form<egress.Difference>(egress.diffLines),
  'egress.replay': form<egress.Replayed & { issues: ConfigIssue[] }>(
    (result, view) => [...lists.issueLines(result.issues, view), ...egress.replayLines(result, view)],
    ({ ok }) => (ok ? EXIT.ok : EXIT.failed),
  ),
  'egress.allow': granted,
  'grant.add': granted,
  'grant.approve': granted,
  'grant.breakglass': granted,
  'grant.list': form<grants.GrantLists>(grants.grantListLines),
  'grant.show': form<grants.GrantStory>(grants.grantStoryLines),
  'grant.revoke': form<{ grant: GrantRecord }>(grants.revokedLines),
  'doctor.fix': form<doctor.Fixed>(doctor.fixedLines, ({ findings }) =>
    findings.some(isSeriousFinding) ? EXIT.findings : EXIT.ok,
  ),
  'doctor.undo': form<{ repair: RepairRecord }>(({ repair }, view) => doctor.repairLines(repair, view)),
  'doctor.history': form<{ repairs: RepairRecord[] }>(({ repairs }, view) =>
    doctor.repairListLines(repairs, view),
  ),
  'doctor.run': form<{ findings: Finding[] }>(
    ({ findings }, view) => reports.findingLines(findings, view),
    ({ findings }) => (findings.some(isSeriousFinding) ? EXIT.findings : EXIT.ok),
  ),
  'inventory.principals': inventory,
  'inventory.models': inventory,
  'inventory.skills': inventory,
  'inventory.tools': inventory,
  'inventory.all': inventory,
  'inventory.listeners': form<{ listeners: MeasuredListener[]; undeclared: number }>(
    ({ listeners }, view) => reports.listenerLines(listeners, view),
    ({ undeclared }) => (undeclared > 0 ? EXIT.findings : EXIT.ok),
  ),
  'gateway.status': form<reports.GatewayReport>(reports.gatewayLines, ({ ready }) =>
    ready ? EXIT.ok : EXIT.failed,
  ),
  'gateway.stop': form<{ pid: number }>(({ pid }) => [`The gateway (process ${pid}) has stopped.`]),
  'gateway.restart': form<{ pid: number }>(({ pid }) => [
    `The gateway (process ${pid}) restarts as soon as running turns have ended.`,
  ]),
  'tunnel.print': plainText,
  'front.nginx': plainText,
  'front.tailscale': plainText,
  'front.wireguard': plainText,
  'health.get': form<{ ready: boolean }>(
    (result, view) => genericLines(result, view),
    ({ ready }) => (ready ? EXIT.ok : EXIT.failed),
  ),
  'logs.tail': form<{ lines: string[] }>(({ lines }) => lines.map(shownLine)),
};

/** Lines for a person. */
export function resultLines(id: string, result: unknown, view: View): readonly string[] {
  return FORMS[id]?.lines?.(result as never, view) ?? genericLines(result, view);
}

/** Exit code of a result that arrived: 0 unless the operation's answer itself is bad news. */
export function resultExit(id: string, result: unknown): number {
  return FORMS[id]?.exit?.(result as never) ?? EXIT.ok;
}

/** One event of a stream: a record on one line, or all that differs after a look. */
export function eventLines(event: unknown, view: View): readonly string[] {
  if (typeof event === 'object' && event !== null) {
    if ('what' in event) return [egress.egressLine(event as EgressLineShape, view)];
    if ('differences' in event) return drift.lookLines(event as drift.Look, view);
  }
  return [lists.recordLine(event as LedgerRecord, view)];
}
