import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { GatehouseError } from '../../kernel/index.ts';
import { loadConfigText, loadEffectiveConfig } from '../load.ts';
import { NOW, testHome } from '../testing/home.ts';
import { readOpenClawHome } from './home.ts';
import { migrateOpenClaw } from './migrate.ts';
import { variableOf } from './migrate-steps.ts';
import { CARELESS, HARDENED, ONBOARDED, openClawHome, PLANTED } from './testing/homes.ts';

async function migrated(config: unknown) {
  using from = openClawHome(config);
  using to = testHome();
  const before = from.digest();
  const result = await migrateOpenClaw(readOpenClawHome(from.dir, process.getuid?.() ?? 0), {
    paths: to.paths,
    env: {},
    now: NOW,
  });
  assert.equal(from.digest(), before, 'the OpenClaw home was changed');
  assert.equal(existsSync(to.paths.config), false, 'something was written to the new home');
  to.write('gatehouse.json', result.text);
  const effective = await loadEffectiveConfig({ ...to, env: {}, now: NOW });
  return { ...result, effective };
}

describe('migrate openclaw', () => {
  for (const [name, config] of Object.entries({
    'a fresh home': ONBOARDED,
    'a careless home': CARELESS,
    'a hardened home': HARDENED,
  })) {
    test(`${name} becomes a configuration that loads, without a value of a secret, and nothing is written`, async () => {
      const { text, changes } = await migrated(config);
      const told = JSON.stringify(changes);
      for (const value of PLANTED) assert.ok(!text.includes(value) && !told.includes(value));
    });
  }

  test('keeps providers, models and agents of a fresh home', async () => {
    const { effective, secrets } = await migrated(ONBOARDED);
    assert.deepEqual(effective.agents.get('main')?.models, ['custom-127-0-0-1-11434/qwen3']);
    assert.deepEqual(secrets, [
      { path: 'models.providers.custom-127-0-0-1-11434.apiKey', variable: 'CUSTOM_127_0_0_1_11434_API_KEY' },
    ]);
  });

  test('narrows what was open and says why', async () => {
    const { effective, changes } = await migrated(CARELESS);
    const { config } = effective;
    assert.equal(config.gateway.bind, 'loopback');
    assert.equal(config.channels?.telegram?.dmPolicy, 'pairing');
    assert.equal(config.channels?.telegram?.groupPolicy, 'allowlist');
    assert.deepEqual(config.channels?.telegram?.allowFrom, []);
    const told = new Map(changes.map((change) => [change.path, change]));
    for (const path of [
      'gateway.bind',
      'channels.telegram.dmPolicy',
      'agents.defaults.sandbox.mode',
      'session.dmScope',
      'tools.exec.security',
    ]) {
      assert.equal(told.get(path)?.kind, 'tightened', path);
      assert.ok((told.get(path)?.why.length ?? 0) > 20, path);
    }
  });

  test('a provider that an agent only names is written down with its address and a reference to its key', async () => {
    const { effective, secrets } = await migrated(CARELESS);
    assert.deepEqual(effective.agents.get('work')?.models, [
      'anthropic/claude-3-haiku-20240307',
      'ollama/llama3:8b',
    ]);
    assert.ok(secrets.some(({ variable }) => variable === 'ANTHROPIC_API_KEY'));
  });

  test('every setting of the old file is kept or explained', async () => {
    const { text, changes } = await migrated(CARELESS);
    const { input } = await loadConfigText(text);
    const explained = changes.map(({ path }) => path);
    for (const key of Object.keys(CARELESS)) {
      const kept = Object.hasOwn(input ?? {}, key);
      assert.ok(
        kept || explained.some((path) => path === key || path.startsWith(`${key}.`)),
        `${key} disappeared silently`,
      );
    }
  });

  test('keeps what a hardened home allows: senders, egress rules, groups', async () => {
    const { effective } = await migrated(HARDENED);
    const { config } = effective;
    assert.deepEqual(config.networkPolicy?.egress_allowlist, ['api.example.com', '*.example.org:8443']);
    assert.deepEqual(config.dmPolicy?.allowIds, ['telegram:123456789']);
    assert.equal(config.channels?.telegram?.groups?.['-1001234567890']?.requireMention, true);
  });

  test('a bound that cannot be taken over becomes the narrowest there is, never nothing', async () => {
    const { effective, text } = await migrated({
      tools: { allow: 'exec', deny: 'browser' },
      networkPolicy: 'none',
      agents: { entries: { main: { sandbox: { workspaceAccess: 'read-only' } } } },
    });
    const { input } = await loadConfigText(text);
    assert.deepEqual(input?.tools, { allow: [], deny: ['*'] });
    assert.deepEqual(input?.networkPolicy, { allow_egress: false, egress_allowlist: [] });
    assert.equal(effective.agents.get('main')?.workspaceAccess, 'none');
  });

  test('a denial of a tool that nobody knows is left to the operator', async () => {
    const { changes } = await migrated({ tools: { deny: ['exce', 'exec'] } });
    assert.equal(changes.find(({ path }) => path === 'tools.deny[0]')?.kind, 'yours');
  });

  test('a configuration that cannot be read: refused, and nothing is made of half of it', async () => {
    await assert.rejects(
      migrated('{ gateway: { bind: '),
      (error) => error instanceof GatehouseError && error.code === 'CONFIG_INVALID',
    );
  });

  test('names of variables are those of an environment', () => {
    assert.equal(variableOf('channels.telegram.botToken'), 'TELEGRAM_BOT_TOKEN');
    assert.equal(variableOf('channels.telegram.accounts.work.botToken'), 'TELEGRAM_WORK_BOT_TOKEN');
    fc.assert(fc.property(fc.string(), (path) => /^[A-Z][A-Z0-9_]{0,127}$/.test(variableOf(path))));
  });

  test('whatever stands in the file, the result loads or the refusal has a code', async () => {
    const words = fc.constantFrom(
      'gateway',
      'auth',
      'bind',
      'port',
      'token',
      'mode',
      'channels',
      'telegram',
      'dmPolicy',
      'allowFrom',
      'botToken',
      'tools',
      'exec',
      'models',
      'providers',
      'x',
      'apiKey',
      'baseUrl',
      'agents',
      'entries',
      'list',
      'main',
      'bindings',
      'session',
      'sandbox',
      'networkPolicy',
    );
    const { tree } = fc.letrec((tie) => ({
      leaf: fc.oneof(
        fc.constantFrom('open', 'all', 'lan', '*', 'x', 'https://x.example/v1'),
        fc.integer(),
        fc.boolean(),
        fc.constant(null),
      ),
      tree: fc.oneof(
        { depthSize: 'small' },
        tie('leaf'),
        fc.array(tie('tree'), { maxLength: 3 }),
        fc.dictionary(words, tie('tree'), { maxKeys: 5 }),
      ),
    }));
    await fc.assert(
      fc.asyncProperty(fc.dictionary(words, tree, { maxKeys: 6 }), async (raw) => {
        try {
          await migrated(raw);
        } catch (thrown) {
          assert.ok(thrown instanceof GatehouseError, String(thrown));
          assert.match(thrown.code, /^(?:CONFIG_MIGRATION_IMPOSSIBLE|CONFIG_INVALID)$/);
        }
      }),
      { numRuns: 60 },
    );
  });
});
