import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Action, decide } from '../../kernel/index.ts';
import { egressRulesOf, loadEffectiveConfig } from '../load.ts';
import { NOW, refused, testHome } from '../testing/home.ts';
import type { EffectiveConfig } from '../types.ts';
import { MAX_GRANT_DAYS } from './grants.ts';

async function effectiveOf(config: object, env: Record<string, string> = {}): Promise<EffectiveConfig> {
  using home = testHome(JSON.stringify(config));
  return await loadEffectiveConfig({ ...home, env, now: NOW });
}

async function refusedOf(config: object, env: Record<string, string> = {}) {
  using home = testHome(JSON.stringify(config));
  return await refused(loadEffectiveConfig({ ...home, env, now: NOW }));
}

function effect(effective: EffectiveConfig, action: Action, agent = 'main', now = NOW): string {
  const authority = effective.agents.get(agent)?.authority;
  assert.ok(authority);
  return decide(authority, { principal: 'p', agent }, action, now).effect;
}

const connect = (host: string, port = '443'): Action => ({ kind: 'net.connect', host, port });
const tool = (name: string): Action => ({ kind: 'tool.call', tool: name });
const ls: Action = { kind: 'exec', program: 'ls', command: 'ls', unclear: false };

test('the environment offers providers by the names of their keys, and the gateway sees the same as egress', async () => {
  const direct = await effectiveOf({}, { ANTHROPIC_API_KEY: 'value-of-the-key' });
  const told = await effectiveOf({}, { GATEHOUSE_SECRET_NAMES: 'ANTHROPIC_API_KEY' });
  assert.equal(direct.hash, told.hash);
  assert.deepEqual(direct.agents.get('main')?.models, ['anthropic/claude-sonnet-4-6']);
  assert.deepEqual(direct.secrets, [
    {
      name: 'models.providers.anthropic.apiKey',
      source: 'env',
      id: 'ANTHROPIC_API_KEY',
      host: 'api.anthropic.com',
      port: 443,
      header: 'x-api-key: {}',
    },
  ]);
  assert.ok(!JSON.stringify(direct).includes('value-of-the-key'));
  assert.deepEqual(
    direct.providerRules.map((rule) => [rule.id, rule.host, rule.port]),
    [['provider:anthropic', 'api.anthropic.com', 443]],
  );
});

test('addresses of the environment are understood as people write them', async () => {
  const urlOf = async (env: Record<string, string>) => (await effectiveOf({}, env)).providers[0]?.baseUrl;
  assert.equal(await urlOf({ OPENAI_BASE_URL: 'http://127.0.0.1:8000/v1/' }), 'http://127.0.0.1:8000/v1');
  assert.equal(await urlOf({ OPENAI_BASE_URL: 'http://localhost:8000' }), 'http://localhost:8000/v1');
  assert.equal(await urlOf({ OLLAMA_HOST: '0.0.0.0' }), 'http://127.0.0.1:11434/v1');
  assert.equal(await urlOf({ OLLAMA_HOST: 'http://gpu.example.com:1234' }), 'http://gpu.example.com:1234/v1');
  assert.equal(await urlOf({ OLLAMA_HOST: ':4000' }), 'http://127.0.0.1:4000/v1');
  const [issue] = await refusedOf({}, { OPENAI_BASE_URL: 'http://example.com', OPENAI_API_KEY: 'k' });
  assert.equal(issue?.code, 'CONFIG_PROVIDER_URL');
});

test("secrets/a provider's key for a look-alike of its address: not sent", async () => {
  const env = { ANTHROPIC_API_KEY: 'k' };
  const models = [{ id: 'm' }];
  for (const baseUrl of [
    'https://api.anthropic.com.evil.org/v1',
    'https://api.anthropic.co/v1',
    'https://api.anthropic.com:8443/v1',
  ]) {
    const effective = await effectiveOf({ models: { providers: { anthropic: { baseUrl, models } } } }, env);
    assert.deepEqual(effective.secrets, [], baseUrl);
    assert.equal(effective.providers[0]?.secret, null);
  }
  const official = { models: { providers: { anthropic: { baseUrl: 'https://api.anthropic.com/v1' } } } };
  assert.equal((await effectiveOf(official, env)).secrets.length, 1);
});

test('references to files and programs reach egress in one form', async () => {
  const { secrets } = await effectiveOf({
    secrets: {
      providers: {
        key: { source: 'file', path: '/srv/keys/openai' },
        vault: { source: 'exec', command: '/usr/bin/vault', args: ['kv', 'get', '{id}', '-field=key'] },
      },
    },
    models: {
      providers: {
        a: {
          baseUrl: 'https://a.example.com',
          apiKey: { source: 'file', provider: 'key', id: 'value' },
          models: [{ id: 'm' }],
        },
        b: {
          baseUrl: 'https://b.example.com:8443',
          apiKey: { source: 'exec', provider: 'vault', id: 'kv/b' },
          models: [{ id: 'm' }],
        },
      },
    },
  });
  assert.deepEqual(
    secrets.map(({ source, id, host, port }) => [source, id, host, port]),
    [
      ['file', '/srv/keys/openai', 'a.example.com', 443],
      ['exec', '["/usr/bin/vault","kv","get","kv/b","-field=key"]', 'b.example.com', 8443],
    ],
  );
});

const bound = { hosts: ['forge.example.com'], in: 'authorization: Bearer {}' };

test('a credential of the workspace is bound by file as a run sees it, by key and by kind', async () => {
  const { runSecrets } = await effectiveOf({
    secrets: {
      values: {
        A: { workspace: { file: 'conf/../.env', key: 'TOKEN' }, ...bound },
        B: { workspace: { file: '/data/x/.npmrc' }, ...bound },
        C: { workspace: { kind: 'github' }, ...bound },
      },
    },
  });
  assert.deepEqual(
    runSecrets.map(({ name, source, id }) => [name, source, JSON.parse(id)]),
    [
      ['A', 'workspace', { file: '/workspace/.env', key: 'TOKEN' }],
      ['B', 'workspace', { file: '/data/x/.npmrc' }],
      ['C', 'workspace', { kind: 'github' }],
    ],
  );
});

const unbound: Readonly<Record<string, object>> = {
  'neither a value nor a credential of the workspace': {},
  'both a value and a credential of the workspace': { value: '${TOKEN}', workspace: { key: 'TOKEN' } },
  'a credential of the workspace that nothing names': { workspace: {} },
  'a kind that nothing shows': { workspace: { kind: 'password' } },
  'a key with a line end': { workspace: { key: 'A\nB' } },
};
for (const [title, source] of Object.entries(unbound)) {
  test(`secrets/${title}: refused`, async () => {
    await refusedOf({ secrets: { values: { A: { ...source, ...bound } } } }, { TOKEN: 'value-of-the-token' });
  });
}

test('networkPolicy bounds every agent and reaches those whose playbook takes it over', async () => {
  const effective = await effectiveOf({
    networkPolicy: {
      allow_egress: false,
      egress_allowlist: ['api.example.com', '*.example.org:8443', 'api.intercom.io'],
    },
    agents: { entries: { main: {}, support: { playbook: 'support-bot' } } },
  });
  assert.equal(effect(effective, connect('api.example.com')), 'allow');
  assert.equal(effect(effective, connect('a.example.org', '8443')), 'allow');
  assert.equal(effect(effective, connect('a.example.org')), 'deny');
  assert.equal(effect(effective, connect('other.example.com')), 'deny');
  assert.equal(effect(effective, connect('api.intercom.io'), 'support'), 'allow');
  assert.equal(effect(effective, connect('api.hubapi.com'), 'support'), 'deny');
  assert.equal(effect(effective, connect('api.example.com'), 'support'), 'deny');
  const ids = egressRulesOf(effective, 'main').map((rule) => rule.id);
  assert.deepEqual(ids[0], 'networkPolicy:api.example.com:443');
});

test('egress/an empty allow-list: allows nothing', async () => {
  const effective = await effectiveOf({
    networkPolicy: { allow_egress: false },
    agents: { entries: { dev: { playbook: 'dev-assistant' } } },
  });
  assert.equal(effect(effective, connect('github.com'), 'dev'), 'deny');
});

test('egress/allow_egress never opens a host that no playbook names: refused', async () => {
  const effective = await effectiveOf({ networkPolicy: { allow_egress: true } });
  assert.equal(effect(effective, connect('example.org')), 'deny');
});

test('tools of the install and of an agent only take away', async () => {
  const effective = await effectiveOf({
    tools: { allow: ['group:fs', 'exec'], deny: ['edit'] },
    agents: { entries: { a: {}, b: { tools: { allow: ['read', 'web_fetch'] } } } },
  });
  const allowed = (agent: string) =>
    ['shell', 'read', 'write', 'edit', 'list', 'search', 'web_fetch'].filter(
      (name) => effect(effective, tool(name), agent) === 'allow',
    );
  assert.deepEqual(allowed('a'), ['shell', 'read', 'write', 'list', 'search']);
  assert.deepEqual(allowed('b'), ['read']);
  assert.equal(effect(await effectiveOf({ tools: { allow: [] } }), tool('read')), 'deny');
  assert.equal(effect(await effectiveOf({ tools: { profile: 'minimal' } }), tool('read')), 'deny');
  assert.equal(
    effect(await effectiveOf({ tools: { profile: 'minimal', alsoAllow: ['read'] } }), tool('read')),
    'allow',
  );
  const [issue] = await refusedOf({ tools: { deny: ['shel'] } });
  assert.equal(issue?.nearest, 'shell');
});

test('tools.exec bounds commands of every playbook', async () => {
  assert.equal(effect(await effectiveOf({}), ls), 'allow');
  assert.equal(effect(await effectiveOf({ tools: { exec: { ask: 'always' } } }), ls), 'ask');
  assert.equal(effect(await effectiveOf({ tools: { exec: { security: 'deny' } } }), ls), 'deny');
});

const GRANT = {
  id: 'g',
  layer: 'playbook:default',
  kind: 'net.connect',
  match: { host: ['new.example.org'], port: ['443'] },
  subject: { agent: 'main' },
  owner: 'eve',
  ticket: 'T-1',
  reason: 'incident',
  expires: '2026-06-02T12:00:00Z',
};

test('a grant widens its layer for its subject until it expires', async () => {
  const effective = await effectiveOf({ grants: [GRANT], agents: { entries: { main: {}, b: {} } } });
  const expires = Date.UTC(2026, 5, 2, 12);
  assert.equal(effect(effective, connect('new.example.org'), 'main', expires - 1), 'allow');
  assert.equal(effect(effective, connect('new.example.org'), 'main', expires), 'deny');
  assert.equal(effect(effective, connect('new.example.org'), 'b'), 'deny');
  assert.equal(effective.agents.get('main')?.egress, true);
});

test('grants/without a ticket, for longer than allowed, twice under one id: refused', async () => {
  const { ticket: _ticket, ...withoutTicket } = GRANT;
  assert.equal((await refusedOf({ grants: [withoutTicket] }))[0]?.code, 'CONFIG_MISSING_KEY');
  assert.equal((await refusedOf({ grants: [{ ...GRANT, reason: '' }] }))[0]?.code, 'CONFIG_OUT_OF_RANGE');
  assert.equal((await refusedOf({ grants: [GRANT, GRANT] }))[0]?.code, 'CONFIG_GRANT_INVALID');
  const day = (days: number) => new Date(NOW + days * 86_400_000).toISOString();
  assert.equal(
    (await refusedOf({ grants: [{ ...GRANT, expires: day(MAX_GRANT_DAYS + 1) }] }))[0]?.code,
    'CONFIG_GRANT_INVALID',
  );
  await effectiveOf({ grants: [{ ...GRANT, expires: day(MAX_GRANT_DAYS) }] });
  assert.equal(
    (await refusedOf({ grants: [{ ...GRANT, expires: '2026-06-31' }] }))[0]?.code,
    'CONFIG_GRANT_INVALID',
  );
});

test('an expired grant gives nothing and is reported', async () => {
  const effective = await effectiveOf({ grants: [{ ...GRANT, expires: '2026-05-01' }] });
  assert.equal(effect(effective, connect('new.example.org')), 'deny');
  assert.deepEqual(
    effective.warnings.map((issue) => issue.code),
    ['CONFIG_GRANT_EXPIRED'],
  );
});

test('open to everybody takes a grant for that channel', async () => {
  const channels = { telegram: { dmPolicy: 'open', allowFrom: ['*'] } };
  assert.equal((await refusedOf({ channels }))[0]?.code, 'CONFIG_GRANT_REQUIRED');
  const match = { channel: ['telegram'], sender: ['*'] };
  await effectiveOf({ channels, grants: [{ ...GRANT, layer: 'ceiling', kind: 'message.receive', match }] });
});

test('limits are the smaller of what playbook, agent and install say', async () => {
  const effective = await effectiveOf({
    sandbox: { memoryMb: 512 },
    tools: { exec: { timeoutSeconds: 60 } },
    agents: {
      entries: {
        main: { timeoutSeconds: 100, sandbox: { workspaceAccess: 'ro', scope: 'session' } },
        dev: { playbook: 'dev-assistant', turn: { steps: 100 }, sandbox: { scope: 'shared' } },
      },
    },
  });
  const main = effective.agents.get('main');
  const dev = effective.agents.get('dev');
  assert.equal(main?.limits.memoryBytes, 512 * 1024 * 1024);
  assert.equal(main?.limits.wallMs, 60_000);
  assert.equal(main?.turn.wallMs, 100_000);
  assert.equal(main?.workspaceAccess, 'ro');
  assert.equal(main?.sandboxScope, 'session');
  assert.equal(effect(effective, { kind: 'file.write', path: '/workspace/a' }), 'deny');
  assert.equal(dev?.turn.steps, 60);
  assert.equal(dev?.sandboxScope, 'session');
});

test('agents have a list or a map, one default, and a workspace each', async () => {
  const effective = await effectiveOf({
    agents: {
      list: [
        { id: 'a', name: 'Ann' },
        { id: 'b', default: true, systemPrompt: 'Be brief.' },
      ],
    },
  });
  assert.equal(effective.defaultAgent, 'b');
  assert.equal(effective.agents.get('a')?.name, 'Ann');
  assert.match(effective.agents.get('b')?.systemPrompt ?? '', /sandbox[^]*\n\nBe brief\.$/);
  const codes = async (agents: object) => (await refusedOf({ agents })).map((issue) => issue.code);
  assert.deepEqual(await codes({ list: [{ id: 'a' }], entries: { a: {} } }), ['CONFIG_AGENT_INVALID']);
  assert.deepEqual(await codes({ entries: { a: { workspace: '/srv/x' }, b: { workspace: '/srv/x/' } } }), [
    'CONFIG_AGENT_INVALID',
  ]);
  for (const workspace of ['/', '/etc/x', '~/.ssh', '~/../x', 'relative', '/run/user/0']) {
    assert.deepEqual(await codes({ entries: { a: { workspace } } }), ['CONFIG_PATH_NOT_ALLOWED'], workspace);
  }
});

test('a model names a provider that exists, or the nearest one is shown', async () => {
  const models = { providers: { local: { baseUrl: 'http://127.0.0.1:8080/v1' } } };
  const [issue] = await refusedOf({ models, agents: { defaults: { model: 'locl/x' } } });
  assert.equal(issue?.code, 'CONFIG_PROVIDER_UNKNOWN');
  assert.equal(issue?.nearest, 'local');
  const chosen = { primary: 'local/x', fallbacks: ['rehearsal/script', 'local/x'] };
  const effective = await effectiveOf({ models, agents: { defaults: { model: chosen } } });
  assert.deepEqual(effective.agents.get('main')?.models, ['local/x', 'rehearsal/script']);
  const env = { OLLAMA_HOST: '127.0.0.1', GATEHOUSE_MODEL: 'meta-llama/small' };
  assert.deepEqual((await effectiveOf({}, env)).agents.get('main')?.models, ['ollama/meta-llama/small']);
  const unnamed = await effectiveOf({ models });
  assert.deepEqual(
    unnamed.warnings.map((warning) => warning.code),
    ['CONFIG_MODEL_UNNAMED'],
  );
});

test('each agent keeps its backend and image, also one that only says something else about its sandbox', async () => {
  const image = `debian@sha256:${'0'.repeat(64)}`;
  const effective = await effectiveOf({
    agents: {
      defaults: { sandbox: { backend: 'podman', docker: { image } } },
      entries: { main: { sandbox: { workspaceAccess: 'ro' } }, other: { sandbox: { backend: 'docker' } } },
    },
  });
  const { sandboxBackend, sandboxImage, workspaceAccess } = effective.agents.get('main') ?? {};
  assert.deepEqual([sandboxBackend, sandboxImage, workspaceAccess], ['podman', image, 'ro']);
  assert.equal(effective.agents.get('other')?.sandboxBackend, 'docker');
  assert.equal((await effectiveOf({})).agents.get('main')?.sandboxBackend, undefined);
});

test('configuration/a backend that does not exist, or an image that is an option: refused', async () => {
  for (const sandbox of [{ backend: 'ssh' }, { backend: 'none' }, { docker: { image: '--privileged' } }]) {
    const error = await refusedOf({ agents: { defaults: { sandbox } } });
    assert.match(JSON.stringify(error), /agents\.defaults\.sandbox/);
  }
});
