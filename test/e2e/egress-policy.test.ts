import assert from 'node:assert/strict';
import { mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { startDns } from '../../src/drivers/resolver/testing/dns.ts';
import { type Canary, startCanary } from '../fixtures/canary.ts';
import type { RunningCommand } from '../fixtures/command.ts';
import { openRun, type RunWay, startGatewayWithDns } from '../fixtures/egress-home.ts';
import { operate, records, until } from '../fixtures/operator.ts';
import { removeHome } from '../fixtures/processes.ts';

let canary: Canary;
let dns: Awaited<ReturnType<typeof startDns>>;
let home: string;
let gateway: RunningCommand;
let run: RunWay;

/** Written as an editor does it: a new file in the place of the old one. */
function writePolicy(rules: string): void {
  const path = join(home, 'policy', 'egress.yaml');
  writeFileSync(`${path}.tmp`, `version: 1\nrules:\n${rules}`, { mode: 0o600 });
  renameSync(`${path}.tmp`, path);
}

const rule = (name: string, more = '') =>
  `  - { host: ${name}, port: ${canary.port}, protocol: tcp, networks: [127.0.0.0/8], owner: o, ticket: T-1${more} }\n`;

async function reloads(): Promise<number> {
  return (await records(home, { action: 'egress.reloaded' })).length;
}

/** Change the policy and wait until egress has read it. */
async function changed(rules: string): Promise<void> {
  const before = await reloads();
  writePolicy(rules);
  await until(async () => (await reloads()) > before, 'egress did not read the policy again');
}

before(async () => {
  canary = await startCanary();
  dns = await startDns((name, type) => (type === 'A' ? [{ name, type, value: '127.0.0.1' }] : []));
  const started = await startGatewayWithDns({
    dns: dns.server,
    prepare(path) {
      mkdirSync(join(path, 'policy'), { mode: 0o700 });
      const text = `version: 1\nrules:\n  - { host: first.example, port: ${canary.port}, protocol: tcp, networks: [127.0.0.0/8] }\n`;
      writeFileSync(join(path, 'policy', 'egress.yaml'), text, { mode: 0o600 });
    },
  });
  ({ home, gateway } = started);
  run = await openRun(home);
});

after(async () => {
  await run?.close();
  await gateway?.kill('SIGTERM');
  await dns?.[Symbol.asyncDispose]();
  await canary?.[Symbol.asyncDispose]();
  if (home !== undefined) await removeHome(home);
});

describe('policy/egress.yaml', () => {
  test('a rule of the file opens its host, and another host stays closed', async () => {
    assert.match(await run.connect(`first.example:${canary.port}`), / 200 /);
    assert.match(await run.connect(`second.example:${canary.port}`), /EGRESS_HOST_NOT_ALLOWED/);
  });

  test('a changed file counts without a restart, and what it takes away ends at once', async () => {
    const tunnel = await run.tunnel(`first.example:${canary.port}`);
    await changed(rule('second.example'));
    await tunnel.ended;
    assert.match(await run.connect(`first.example:${canary.port}`), /EGRESS_HOST_NOT_ALLOWED/);
    assert.match(await run.connect(`second.example:${canary.port}`), / 200 /);
    const [closed] = await records(home, { action: 'net.closed', code: 'EGRESS_RULE_ENDED' });
    assert.equal(closed?.data?.['host'], 'first.example');
    const { snapshots } = (await operate(home, 'config.history')).result as {
      snapshots: { author: string }[];
    };
    assert.equal(snapshots[0]?.author, 'policy/egress.yaml');
  });

  test('egress/a file with mistakes: refused, with an alert and a finding, and nothing changes', async () => {
    const tunnel = await run.tunnel(`second.example:${canary.port}`);
    writePolicy('  - { host: second.example, port: 0 }\n  - { hots: x }\n');
    await until(
      async () => (await records(home, { type: 'alert', action: 'config.refused' })).length > 0,
      'there is no alert',
    );
    const failed = await records(home, { action: 'egress.reloaded' });
    await until(
      async () =>
        (await records(home, { action: 'egress.reloaded' })).some(({ outcome }) => outcome === 'failure'),
      `egress did not look: ${failed.length}`,
    );
    assert.match(await run.connect(`second.example:${canary.port}`), / 200 /);
    assert.equal(tunnel.socket.closed, false);
    const { findings } = (await operate(home, 'doctor.run')).result as {
      findings: { id: string; title: string }[];
    };
    assert.ok(
      findings.some(({ id, title }) => id === 'CONFIG_OUT_OF_RANGE' && title.includes('rules[0].port')),
    );
    const { alerts } = (await operate(home, 'alerts.list')).result as {
      alerts: { rule: string; title: string }[];
    };
    assert.match(alerts.find(({ rule: name }) => name === 'config.refused')?.title ?? '', /egress\.yaml:3/);
    tunnel.close();
  });

  test('a rule that expires closes its open tunnels by itself', async () => {
    const ends = new Date(Date.now() + 8_000).toISOString();
    await changed(rule('short.example', `, expires: "${ends}"`));
    const tunnel = await run.tunnel(`short.example:${canary.port}`);
    await tunnel.ended;
    assert.match(await run.connect(`short.example:${canary.port}`), /EGRESS_HOST_NOT_ALLOWED/);
  });

  test('a rule without owner is a finding of doctor, and an empty file allows nothing', async () => {
    await changed(`  - { host: nobody.example }\n`);
    const { findings } = (await operate(home, 'doctor.run')).result as {
      findings: { id: string; title: string }[];
    };
    assert.ok(
      findings.some(({ id, title }) => id === 'EGRESS_RULE_UNOWNED' && title.includes('nobody.example')),
    );
  });

  test('a rollback brings the policy back as well', async () => {
    const { snapshots } = (await operate(home, 'config.history')).result as {
      snapshots: { number: number }[];
    };
    const second = snapshots.at(-2)?.number ?? 0;
    const back = await operate(home, 'config.rollback', { to: second, ticket: 'T-2', reason: 'back' });
    assert.equal(back.error?.message, undefined);
    await until(
      async () => / 200 /.test(await run.connect(`second.example:${canary.port}`)),
      'the old rule does not count',
    );
  });
});
