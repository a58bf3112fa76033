import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import {
  CARELESS,
  ONBOARDED,
  openClawHome,
  PLANTED,
  type TestOpenClawHome,
} from '../../src/configuration/openclaw-home/testing/homes.ts';
import { runCli, temporaryHome } from '../fixtures/gateway.ts';
import { removeHome } from '../fixtures/processes.ts';

let home: string;
let old: TestOpenClawHome;

before(() => {
  home = temporaryHome();
  old = openClawHome(ONBOARDED);
});

after(async () => {
  old[Symbol.dispose]();
  await removeHome(home);
});

const cli = (...args: string[]) => runCli(home, args);

describe('coming from OpenClaw, without a gateway', () => {
  test('a dry run explains every difference, prints the configuration, and writes nothing', async () => {
    const before = old.digest();
    const run = await cli('migrate', 'openclaw', '--from', old.dir, '--dry-run');
    assert.equal(run.code, 0, run.stderr);
    assert.match(run.stdout, /gateway\.auth\.token/);
    assert.match(run.stdout, /CUSTOM_127_0_0_1_11434_API_KEY/);
    for (const value of PLANTED) assert.ok(!run.stdout.includes(value));
    assert.equal(existsSync(join(home, 'gatehouse.json')), false);
    assert.equal(old.digest(), before);
  });

  test('the real run writes a configuration that validates, as a snapshot with its ticket', async () => {
    const run = await cli('migrate', 'openclaw', '--from', old.dir, '--ticket', 'OPS-40', '--json');
    assert.equal(run.code, 0, run.stderr);
    const { applied } = JSON.parse(run.stdout) as { applied: { ticket: string } };
    assert.equal(applied.ticket, 'OPS-40');
    const validated = await cli('config', 'validate');
    assert.equal(validated.code, 0, validated.stdout);
  });

  test('migrate/a home that has a configuration already: refused without --replace, and the file stays', async () => {
    const before = readFileSync(join(home, 'gatehouse.json'), 'utf8');
    const run = await cli('migrate', 'openclaw', '--from', old.dir);
    assert.equal(run.code, 1);
    assert.match(run.stderr, /CONFIG_NOT_EMPTY/);
    assert.equal(readFileSync(join(home, 'gatehouse.json'), 'utf8'), before);
    assert.equal((await cli('migrate', 'openclaw', '--from', old.dir, '--replace')).code, 0);
  });

  test('migrate/a folder that is no OpenClaw home: refused with what to do', async () => {
    const run = await cli('migrate', 'openclaw', '--from', home);
    assert.equal(run.code, 1);
    assert.match(run.stderr, /CONFIG_OPENCLAW_HOME_MISSING/);
  });

  test('the audit of a careless home names OpenClaw check ids, exits 5, and prints SARIF when asked', async () => {
    using careless = openClawHome(CARELESS);
    const before = careless.digest();
    const people = await cli('security', 'audit', '--home', careless.dir);
    assert.equal(people.code, 5, people.stderr);
    assert.match(people.stdout, /critical {2}gateway\.control_ui\.allowed_origins_wildcard/);
    const run = await cli('security', 'audit', '--home', careless.dir, '--sarif');
    const sarif = JSON.parse(run.stdout) as {
      version: string;
      runs: readonly { results: readonly { ruleId: string; level: string }[] }[];
    };
    assert.equal(sarif.version, '2.1.0');
    assert.ok(
      sarif.runs[0]?.results.some(({ ruleId, level }) => ruleId === 'hooks.path_root' && level === 'error'),
    );
    for (const value of PLANTED) assert.ok(!people.stdout.includes(value) && !run.stdout.includes(value));
    assert.equal(careless.digest(), before);
  });

  test('the audit of its own home counts findings by severity', async () => {
    const run = await cli('security', 'audit', '--json');
    const report = JSON.parse(run.stdout) as { counts: Record<string, number>; findings: readonly object[] };
    assert.equal(
      Object.values(report.counts).reduce((sum, count) => sum + count, 0),
      report.findings.length,
    );
  });
});
