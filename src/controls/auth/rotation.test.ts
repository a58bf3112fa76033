import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openDatabase } from '../../drivers/sqlite/index.ts';
import { createAuthService, type RunningAuth } from './service.ts';
import { type AuthTables, migrations } from './tables.ts';
import { ManualTime, MemoryLedger } from './testing/home.ts';
import type { AddPrincipalRequest, PeerFacts } from './types.ts';

const HOUR = 3_600_000;
const peer = (address: string, userAgent = 'ci/1'): PeerFacts => ({ address, userAgent, surface: 'http' });
const HOME = peer('10.0.0.1');
const AWAY = peer('10.0.0.2');

interface World extends AsyncDisposable {
  readonly auth: RunningAuth;
  readonly time: ManualTime;
  readonly ledger: MemoryLedger;
  /** Another process on the same database, as after a crash. */
  reopen(): RunningAuth;
}

async function world(): Promise<World> {
  const database = openDatabase<AuthTables>(':memory:');
  await database.migrate(migrations);
  const time = new ManualTime();
  const ledger = new MemoryLedger();
  let next = 0;
  const random = {
    bytes: (size: number) => Uint8Array.from({ length: size }, () => (next = (next * 31 + 7) % 251)),
    uuid: () => `rotation-${(next += 1)}`,
  };
  const open = () =>
    createAuthService({
      db: database.db,
      clock: time,
      random,
      ledger,
      setTimer: time.setTimer,
      delay: time.delay,
    });
  const auth = open();
  await auth.start([]);
  return {
    auth,
    time,
    ledger,
    reopen: open,
    async [Symbol.asyncDispose]() {
      await auth.close();
      database.close();
    },
  };
}

async function issued({ auth }: World, name = 'ci'): Promise<string> {
  const { token } = await auth.issueToken({ name, scopes: ['operator.write'], owner: 'olga' });
  return token;
}

const login = (auth: RunningAuth, bearer: string, from = HOME) => auth.authenticateRequest({ bearer }, from);

test('both versions work until the sunset and are one principal; then only the new one', async () => {
  await using w = await world();
  const old = await issued(w);
  const by = w.auth.localOperator();
  const before = await login(w.auth, old);
  const { token, summary } = await w.auth.rotateToken({ name: 'ci', ticket: 'OPS-1', sunsetMs: HOUR }, by);
  assert.equal(summary.version, 2);
  assert.equal((await login(w.auth, old)).id, before.id);
  assert.equal((await login(w.auth, token)).id, before.id);
  const ended: string[] = [];
  w.auth.onRevoked((credential) => ended.push(credential));
  w.time.advance(HOUR);
  await assert.rejects(login(w.auth, old), { code: 'AUTH_TOKEN_REVOKED' });
  assert.equal((await login(w.auth, token)).id, before.id);
  assert.ok(ended.includes(before.credentialId));
});

test('one record at the end sums the rotation, with who switched and who did not', async () => {
  await using w = await world();
  const old = await issued(w);
  await login(w.auth, old, HOME);
  await login(w.auth, old, AWAY);
  w.time.advance(1);
  const { token } = await w.auth.rotateToken({ name: 'ci', ticket: 'OPS-2' }, w.auth.localOperator());
  w.time.advance(1);
  await login(w.auth, token, HOME);
  await login(w.auth, old, AWAY);
  const [oldStatus, newStatus] = await w.auth.tokenStatus('ci');
  assert.deepEqual(oldStatus?.consumers.map(({ address, state }) => `${address} ${state}`).sort(), [
    '10.0.0.1 switched',
    '10.0.0.2 still on the old version',
  ]);
  assert.deepEqual([oldStatus?.role, newStatus?.role], ['old', 'new']);
  await w.auth.finishRotation('ci');
  const record = w.ledger.events.find(({ action }) => action === 'token.rotated');
  const { ticket, switched, notSwitched } = record?.data ?? {};
  const addresses = (list: unknown) => (list as { address: string }[]).map(({ address }) => address);
  assert.equal(ticket, 'OPS-2');
  assert.deepEqual([addresses(switched), addresses(notSwitched)], [['10.0.0.1'], ['10.0.0.2']]);
});

test('auth/the new version from elsewhere than its canary, before it is promoted: refused', async () => {
  await using w = await world();
  const old = await issued(w);
  const by = w.auth.localOperator();
  const { token } = await w.auth.rotateToken({ name: 'ci', ticket: 'T', canary: ['10.0.0.1'] }, by);
  await login(w.auth, token, HOME);
  await assert.rejects(login(w.auth, token, AWAY), { code: 'AUTH_TOKEN_CANARY' });
  assert.ok(w.ledger.codes().includes('AUTH_TOKEN_CANARY'));
  await login(w.auth, old, AWAY);
  await w.auth.promoteRotation('ci', by);
  await login(w.auth, token, AWAY);
});

test('a rotation that is taken back leaves the old version as it was', async () => {
  await using w = await world();
  const old = await issued(w);
  const by = w.auth.localOperator();
  const { token } = await w.auth.rotateToken({ name: 'ci', ticket: 'T', sunsetMs: HOUR }, by);
  await w.auth.abortRotation('ci', by);
  await assert.rejects(login(w.auth, token), { code: 'AUTH_TOKEN_REVOKED' });
  w.time.advance(2 * HOUR);
  await login(w.auth, old);
});

test('auth/an old version after its sunset, when the process that should end it was killed: refused', async () => {
  await using w = await world();
  const old = await issued(w);
  await w.auth.rotateToken({ name: 'ci', ticket: 'T', sunsetMs: HOUR }, w.auth.localOperator());
  w.time.wall += HOUR;
  const next = w.reopen();
  await assert.rejects(login(next, old), { code: 'AUTH_TOKEN_REVOKED' });
  await next.start([]);
  assert.equal(w.ledger.events.filter(({ action }) => action === 'token.rotated').length, 1);
  await next.close();
});

test('auth/a token that the ledger says was revoked, in a database that was put back: refused', async () => {
  await using w = await world();
  const old = await issued(w);
  const [summary] = await w.auth.listTokens();
  assert.ok(summary !== undefined);
  const next = w.reopen();
  assert.deepEqual(await next.start([summary.id]), [summary.id]);
  await assert.rejects(login(next, old), { code: 'AUTH_TOKEN_REVOKED' });
  await next.close();
});

test('auth/a rotation that cannot be understood, or of what does not exist: refused, and changes nothing', async () => {
  await using w = await world();
  await issued(w);
  const by = w.auth.localOperator();
  for (const [request, code] of [
    [{ name: 'ci', ticket: '' }, 'AUTH_ROTATION_INVALID'],
    [{ name: 'ci', ticket: 'T', sunsetMs: 0 }, 'AUTH_ROTATION_INVALID'],
    [{ name: 'ci', ticket: 'T', canary: [] }, 'AUTH_ROTATION_INVALID'],
    [{ name: 'ci', ticket: 'T', canary: ['ci/1'] }, 'AUTH_ROTATION_INVALID'],
    [{ name: 'ci', ticket: 'T', canary: ['10.0.0.1,10.0.0.2'] }, 'AUTH_ROTATION_INVALID'],
    [{ name: 'other', ticket: 'T' }, 'AUTH_TOKEN_UNKNOWN'],
  ] as const) {
    await assert.rejects(w.auth.rotateToken(request, by), { code });
  }
  await assert.rejects(w.auth.finishRotation('ci'), { code: 'AUTH_ROTATION_NONE' });
  const small = { ...by, scopes: ['operator.read'], agents: ['a'] } as const;
  await assert.rejects(w.auth.rotateToken({ name: 'ci', ticket: 'T' }, small), {
    code: 'AUTH_APPROVER_SCOPES',
  });
  assert.equal((await w.auth.listTokens()).length, 1);
  await w.auth.rotateToken({ name: 'ci', ticket: 'T' }, by);
  await assert.rejects(w.auth.rotateToken({ name: 'ci', ticket: 'T' }, by), {
    code: 'AUTH_ROTATION_RUNNING',
  });
});

test('hundreds of logins while a token is rotated and the client switches: none fails', async () => {
  await using w = await world();
  let bearer = await issued(w);
  const by = w.auth.localOperator();
  const logins: Promise<unknown>[] = [];
  for (let i = 0; i < 600; i++) {
    if (i === 200) bearer = (await w.auth.rotateToken({ name: 'ci', ticket: 'T', sunsetMs: HOUR }, by)).token;
    if (i === 400) await w.auth.finishRotation('ci');
    logins.push(login(w.auth, bearer));
    if (i === 399) await Promise.all(logins);
  }
  await Promise.all(logins);
});

const ALICE: AddPrincipalRequest = {
  name: 'alice',
  kind: 'person',
  owner: 'alice',
  ticket: 'T',
  scopes: ['operator.write'],
  agents: ['main'],
  addresses: ['10.0.0.0/24'],
  identities: [],
};

test('a token can do what both it and its principal may, and nothing more', async () => {
  await using w = await world();
  const by = w.auth.localOperator();
  await w.auth.addPrincipal(ALICE, by);
  const { token } = await w.auth.issueToken({
    name: 'wide',
    principal: 'alice',
    scopes: ['operator.admin'],
    agents: ['*'],
  });
  const principal = await login(w.auth, token);
  assert.equal(principal.id, 'principal:alice');
  assert.deepEqual(principal.scopes, ['operator.read', 'operator.write', 'operator.talk']);
  assert.deepEqual(principal.agents, ['main']);
  await assert.rejects(login(w.auth, token, peer('192.0.2.1')), { code: 'AUTH_ADDRESS_NOT_ALLOWED' });
});

test('auth/every credential of a disabled principal: refused at once, and let in again when it is enabled', async () => {
  await using w = await world();
  const by = w.auth.localOperator();
  await w.auth.addPrincipal(ALICE, by);
  const { token, summary } = await w.auth.issueToken({
    name: 'phone',
    principal: 'alice',
    scopes: ['operator.read'],
  });
  await login(w.auth, token);
  const ended: string[] = [];
  w.auth.onRevoked((credential) => ended.push(credential));
  await w.auth.disablePrincipal('alice', by);
  assert.deepEqual(ended, ['principal:alice', summary.id]);
  await assert.rejects(login(w.auth, token), { code: 'AUTH_PRINCIPAL_DISABLED' });
  assert.ok(w.ledger.codes().includes('AUTH_PRINCIPAL_DISABLED'));
  await w.auth.enablePrincipal('alice', by);
  await login(w.auth, token);
});

test('auth/a principal wider than whoever adds it, or that cannot be understood: refused', async () => {
  await using w = await world();
  const by = w.auth.localOperator();
  const small = { ...by, scopes: ['operator.read'], agents: ['main'] } as const;
  await assert.rejects(w.auth.addPrincipal(ALICE, small), { code: 'AUTH_APPROVER_SCOPES' });
  for (const wrong of [
    { name: 'a b' },
    { owner: ' ' },
    { addresses: ['10.0.0.0/33'] },
    { addresses: ['10.0.0.1,10.0.0.2'] },
    { identities: [{ kind: 'certificate', value: 'abc' }] },
    { identities: [{ kind: 'proxy', value: 'a b' }] },
  ] as const) {
    await assert.rejects(w.auth.addPrincipal({ ...ALICE, ...wrong }, by), { code: 'AUTH_PRINCIPAL_INVALID' });
  }
  assert.deepEqual(await w.auth.listPrincipals(), []);
  const identities = [{ kind: 'proxy', value: 'alice@example.org' }] as const;
  await w.auth.addPrincipal({ ...ALICE, identities }, by);
  await assert.rejects(w.auth.addPrincipal(ALICE, by), { code: 'AUTH_PRINCIPAL_TAKEN' });
  await assert.rejects(w.auth.addPrincipal({ ...ALICE, name: 'bob', identities }, by), {
    code: 'AUTH_IDENTITY_TAKEN',
  });
});
