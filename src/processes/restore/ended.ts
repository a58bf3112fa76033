import type { RunningAuth } from '../../controls/auth/index.ts';
import type { Principal } from '../../controls/auth/types.ts';
import type { GrantService } from '../../controls/grants/index.ts';
import type { LedgerRecord, LedgerService } from '../../controls/trace/types.ts';
import { asGatehouseError, type Logger } from '../../kernel/index.ts';

/** What was taken away, by id: none of it may come back with an older state. */
export interface Ended {
  readonly tokens: readonly string[];
  readonly principals: readonly string[];
  readonly devices: readonly string[];
  readonly grants: readonly string[];
}

export const NOTHING_ENDED: Ended = { tokens: [], principals: [], devices: [], grants: [] };

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
  const lastState = new Map<string, boolean>();
  const states: LedgerRecord[] = [];
  for (const action of ['principal.disabled', 'principal.enabled'])
    for await (const record of changes(ledger, action)) states.push(record);
  for (const record of states.sort(inOrder))
    lastState.set(String(record.data?.['principal']), record.action === 'principal.disabled');
  const ofGrants = ({ rule = '' }: LedgerRecord) => rule.replace(/^grant:/, '');
  return {
    tokens: await ids('token.revoked', dataId),
    principals: [...lastState].filter(([, isDisabled]) => isDisabled).map(([id]) => id),
    devices: await ids('device.removed', dataId),
    grants: [...(await ids('grant.revoked', ofGrants)), ...(await ids('grant.ended', ofGrants))],
  };
}

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
  readonly logger: Logger;
}

/** Take it away again; what the restored state does not know of needs nothing. Returns what had come back. */
export async function endAgain({ auth, grants, logger }: EndParts, ended: Ended): Promise<Ended> {
  const by: Principal = auth.localOperator();
  const again = async (ids: readonly string[], end: (id: string) => Promise<unknown>) => {
    const done: string[] = [];
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
  return {
    tokens: await auth.start(ended.tokens),
    principals: await again(
      ended.principals.filter((id) => enabled.has(id)),
      (id) => auth.disablePrincipal(id, by),
    ),
    devices: await again(ended.devices, (id) => auth.removeDevice(id)),
    grants: await again(ended.grants, (id) => grants.revoke(id, by.id)),
  };
}
