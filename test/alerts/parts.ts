import { generateKeyPairSync, randomBytes, sign } from 'node:crypto';
import { MINUTE } from '../../src/controls/alerting/testing/world.ts';
import {
  createGrantService,
  GRANTABLE_KINDS,
  type GrantRequest,
  type GrantTables,
  migrations as grantTables,
} from '../../src/controls/grants/index.ts';
import { START } from '../../src/controls/senders/testing/world.ts';
import { keyIdOf } from '../../src/controls/trace/evidence/dsse.ts';
import { FACT_SECTIONS, type InstallFacts } from '../../src/controls/trace/evidence/facts.ts';
import { createDrift, type EvidenceTables, evidenceMigrations } from '../../src/controls/trace/index.ts';
import { openDatabase } from '../../src/drivers/sqlite/index.ts';
import type { Alert, Alerts, LedgerEvent } from '../../src/kernel/index.ts';
import { type ConditionParts, watchConditions } from '../../src/processes/gateway/condition-watch.ts';
import { ExposureKeeper } from '../../src/processes/gateway/exposure.ts';

/** Alerts that can be looked at while they come. */
export type Kept = Alerts & { readonly raised: readonly Alert[] };

export interface Firing {
  /** Make the real part that raises it meet what it watches for. */
  fire(alerts: Kept): Promise<void>;
  /** What its message must say. */
  readonly says: RegExp;
}

export const LOGGER = { info: () => undefined, warn: () => undefined, error: () => undefined };
export const HOUR = 3_600_000;
export const DAY = 24 * HOUR;
export const ledger = { append: async (_event: LedgerEvent) => ({ writer: 'test', seq: 1, hash: '' }) };
export const random = { bytes: (size: number) => randomBytes(size), uuid: () => crypto.randomUUID() };

export function standing(start = START) {
  const time = { now: start };
  return { time, clock: { now: () => time.now, monotonic: () => time.now } };
}

export const REQUEST: GrantRequest = {
  kind: 'net.connect',
  match: { host: ['api.example.org'], port: ['443'] },
  layers: ['ceiling'],
  subject: { agent: 'main' },
  owner: 'ops',
  ticket: 'OPS-1',
  reason: 'import',
  durationMs: HOUR,
};
export const POLICY = {
  enabled: true,
  twoPersons: false,
  maxHours: 24,
  kinds: GRANTABLE_KINDS,
  breakglass: { enabled: true, maxMinutes: 60 },
};

export async function grantHome(alerts: Alerts, policy: Partial<typeof POLICY> = {}) {
  const file = openDatabase<GrantTables>(':memory:');
  await file.migrate(grantTables);
  const { time, clock } = standing();
  const state = { policy: { ...POLICY, ...policy } };
  const grants = createGrantService({
    db: file.db,
    clock,
    random,
    ledger,
    alerts,
    policy: () => state.policy,
    judge: async () => (_kind, _attribute, value) => ({ value }),
    setTimer: () => () => undefined,
  });
  return { grants, time, clock, state };
}

/** The watch over conditions, with nothing out of order but what is given. */
export function conditions(alerts: Alerts, more: Partial<ConditionParts>, at = START) {
  const { time, clock } = standing(at);
  let state: (state: 'up' | 'down') => void = () => undefined;
  const watch = watchConditions({
    alerts,
    clock,
    logger: LOGGER,
    egress: {
      onState(listener) {
        state = listener;
        return () => undefined;
      },
    },
    certificates: () => [],
    extent: async () => ({ heads: [], unsigned: 0, oldestUnsignedAt: null, signedAt: null }),
    prove: async () => {
      throw new Error('nothing to prove');
    },
    waiting: async () => [],
    patienceMs: () => 15 * MINUTE,
    every: () => () => undefined,
    ...more,
  });
  return { watch, time, egress: (to: 'up' | 'down') => state(to) };
}

export function exposure(alerts: Alerts, listeners: object) {
  return new ExposureKeeper({
    listeners: { declared: [], ports: [], nextExpiry: undefined, expire: () => [], ...listeners } as never,
    wanted: () => [],
    announce: () => undefined,
    clock: standing().clock,
    alerts,
    logger: LOGGER,
  });
}

export async function driftHome(alerts: Alerts) {
  const file = openDatabase<EvidenceTables>(':memory:');
  await file.migrate(evidenceMigrations);
  const { privateKey, publicKey } = generateKeyPairSync('ed25519');
  const pem = publicKey.export({ type: 'spki', format: 'pem' }).toString();
  const state = { permissions: 'before' };
  const empty = Object.fromEntries(FACT_SECTIONS.map((name) => [name, {}])) as unknown as InstallFacts;
  const drift = createDrift({
    db: file.db,
    ledger,
    alerts,
    clock: standing().clock,
    sign: async (bytes) => ({
      keyId: keyIdOf(pem),
      signature: sign(null, bytes, privateKey).toString('base64'),
    }),
    keys: async () => [pem],
    facts: async () => ({ ...empty, permissions: { main: state.permissions } }),
  });
  await drift.baseline({ author: 'alice', ticket: 'OPS-1', reason: 'first' });
  return { drift, state, db: file.db };
}
