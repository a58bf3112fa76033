import type { RunningAuth } from '../../controls/auth/index.ts';
import type { Identity, Principal } from '../../controls/auth/types.ts';
import type { StandingService } from '../../controls/execution/types.ts';
import type { GrantService } from '../../controls/grants/index.ts';
import type { RunningSenders } from '../../controls/senders/index.ts';
import type { SenderKey } from '../../controls/senders/types.ts';
import type { LedgerRecord, LedgerService } from '../../controls/trace/types.ts';
import { asGatehouseError, type Logger } from '../../kernel/index.ts';

/** What was taken away, by id: none of it may come back with an older state. */
export interface Ended {
  readonly tokens: readonly string[];
  readonly principals: readonly string[];
  readonly devices: readonly string[];
  readonly grants: readonly string[];
  /** Logins and chat accounts that no longer stand for a principal. */
  readonly identities: readonly EndedIdentity[];
  /** Names of standing approvals. */
  readonly standings: readonly string[];
  readonly senders: readonly EndedSender[];
}

interface EndedIdentity {
  readonly principal: string;
  readonly kind: Identity['kind'];
  readonly value: string;
}

/** A sender that was blocked, or whose pairing was taken away. */
interface EndedSender extends SenderKey {
  readonly blocked: boolean;
}

export const NOTHING_ENDED: Ended = {
  tokens: [],
  principals: [],
  devices: [],
  grants: [],
  identities: [],
  standings: [],
  senders: [],
};

/** Records of one look, and looks at most: ten million changes. */
const PAGE = 1_000;
const MAX_PAGES = 10_000;

/** Everything that a ledger says was taken away; times are not asked for, because clocks are set back (attack 99). */
export async function endedIn(ledger: Pick<LedgerService, 'query'>): Promise<Ended> {
  const ids = async (action: string, idOf: (record: LedgerRecord) => unknown) => {
    const found: string[] = [];
    for await (const record of changes(ledger, action)) {
      const id = idOf(record);
      if (typeof id === 'string') found.push(id);
    }
    return found;
  };
  const dataId = ({ data }: LedgerRecord) => data?.['id'];
  /** What each one came to, of those actions that undo one another. */
  const last = async (actions: readonly string[], keyOf: (record: LedgerRecord) => string) => {
    const found: LedgerRecord[] = [];
    for (const action of actions) for await (const record of changes(ledger, action)) found.push(record);
    return [...new Map(found.sort(inOrder).map((record) => [keyOf(record), record] as const)).values()];
  };
  const states = await last(['principal.disabled', 'principal.enabled'], (record) =>
    text(record, 'principal'),
  );
  const bindings = await last(['principal.bound', 'principal.unbound'], (record) =>
    JSON.stringify(record.data?.['identity']),
  );
  const senders = await last(['sender.allowed', 'sender.blocked', 'sender.forgotten'], (record) =>
    JSON.stringify([text(record, 'channel'), text(record, 'account'), text(record, 'sender')]),
  );
  const ofGrants = ({ rule = '' }: LedgerRecord) => rule.replace(/^grant:/, '');
  return {
    tokens: await ids('token.revoked', dataId),
    principals: states
      .filter(({ action }) => action === 'principal.disabled')
      .map((record) => text(record, 'principal')),
    devices: await ids('device.removed', dataId),
    grants: [...(await ids('grant.revoked', ofGrants)), ...(await ids('grant.ended', ofGrants))],
    identities: bindings
      .filter(({ action }) => action === 'principal.unbound')
      .flatMap((record) => {
        const { kind, value } = (record.data?.['identity'] ?? {}) as Partial<EndedIdentity>;
        const principal = text(record, 'principal');
        return kind === undefined || value === undefined ? [] : [{ principal, kind, value }];
      }),
    standings: await ids('standing.revoked', ({ data }) => data?.['name']),
    senders: senders
      .filter(({ action }) => action !== 'sender.allowed')
      .map((record) => ({
        channel: text(record, 'channel'),
        account: text(record, 'account'),
        sender: text(record, 'sender'),
        blocked: record.action === 'sender.blocked',
      })),
  };
}

const text = ({ data }: LedgerRecord, name: string): string => String(data?.[name] ?? '');

/** In the order of writing where one process wrote both. */
function inOrder(a: LedgerRecord, b: LedgerRecord): number {
  return a.writer === b.writer ? a.seq - b.seq : a.at - b.at;
}

async function* changes(ledger: Pick<LedgerService, 'query'>, action: string): AsyncGenerator<LedgerRecord> {
  let before: number | undefined;
  for (let pages = 0; pages < MAX_PAGES; pages++) {
    const bound = before === undefined ? {} : { before };
    const records = await ledger.query({ type: 'change', action, limit: PAGE, ...bound });
    yield* records;
    const oldest = records[0];
    if (records.length < PAGE || oldest === undefined) return;
    before = oldest.at === before ? oldest.at - 1 : oldest.at;
  }
}

/** What takes things away. */
export interface EndParts {
  readonly auth: RunningAuth;
  readonly grants: GrantService;
  readonly standings: StandingService;
  readonly senders: Pick<RunningSenders, 'list' | 'block' | 'forget'>;
  readonly logger: Logger;
}

/** Take it away again; what the restored state does not know of needs nothing. Returns what had come back. */
export async function endAgain(
  { auth, grants, standings, senders, logger }: EndParts,
  ended: Ended,
): Promise<Ended> {
  const by: Principal = auth.localOperator();
  const again = async <Id>(ids: readonly Id[], end: (id: Id) => Promise<unknown>) => {
    const done: Id[] = [];
    for (const id of new Set(ids)) {
      try {
        await end(id);
        done.push(id);
      } catch (thrown) {
        const { code } = asGatehouseError(thrown);
        if (!code.endsWith('_UNKNOWN')) logger.error('something could not be taken away again', { id, code });
      }
    }
    return done;
  };
  const known = await auth.listPrincipals();
  const enabled = new Set(known.filter(({ disabledAt }) => disabledAt === null).map(({ id }) => id));
  const bound = new Set(
    known.flatMap(({ id, identities }) => identities.map(({ kind, value }) => keyOf([id, kind, value]))),
  );
  const valid = new Set(
    (await standings.list()).filter(({ revokedAt }) => revokedAt === null).map(({ name }) => name),
  );
  const allowed = new Set(
    (await senders.list())
      .filter(({ status }) => status === 'allowed')
      .map(({ channel, account, sender }) => keyOf([channel, account, sender])),
  );
  return {
    tokens: await auth.start(ended.tokens),
    principals: await again(
      ended.principals.filter((id) => enabled.has(id)),
      (id) => auth.disablePrincipal(id, by),
    ),
    devices: await again(ended.devices, (id) => auth.removeDevice(id)),
    grants: await again(ended.grants, (id) => grants.revoke(id, by.id)),
    identities: await again(
      ended.identities.filter(({ principal, kind, value }) => bound.has(keyOf([principal, kind, value]))),
      ({ principal, kind, value }) => auth.unbindIdentity(principal, { kind, value }, by),
    ),
    standings: await again(
      ended.standings.filter((name) => valid.has(name)),
      (name) => standings.revoke(name, { principal: by.id }),
    ),
    // A block counts also for whoever the older state does not know.
    senders: await again(
      ended.senders.filter(
        ({ channel, account, sender, blocked }) => blocked || allowed.has(keyOf([channel, account, sender])),
      ),
      ({ blocked, ...key }) => (blocked ? senders.block(key, by.id) : senders.forget(key)),
    ),
  };
}

const keyOf = (parts: readonly string[]): string => JSON.stringify(parts);
