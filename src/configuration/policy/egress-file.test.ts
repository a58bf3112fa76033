import assert from 'node:assert/strict';
import { symlinkSync } from 'node:fs';
import { test } from 'node:test';
import { DEFAULT_EGRESS_LIMITS } from '../../controls/egress/index.ts';
import { type Action, decide } from '../../kernel/index.ts';
import { egressRulesOf, loadEffectiveConfig } from '../load.ts';
import { NOW, refused, testHome } from '../testing/home.ts';
import type { EffectiveConfig } from '../types.ts';

const FILE = 'policy/egress.yaml';
const RULE = `version: 1
rules:
  - { id: packages, host: registry.example.org, class: artifact, owner: platform, ticket: OPS-1, reason: packages }
`;

async function effectiveOf(text: string, config: object = {}): Promise<EffectiveConfig> {
  using home = testHome(JSON.stringify(config));
  home.write(FILE, text);
  return await loadEffectiveConfig({ ...home, env: {}, now: NOW });
}

async function refusedOf(text: string | Uint8Array, config: object = {}) {
  using home = testHome(JSON.stringify(config));
  home.write(FILE, text);
  return await refused(loadEffectiveConfig({ ...home, env: {}, now: NOW }));
}

function effect(effective: EffectiveConfig, host: string, agent = 'main', port = '443'): string {
  const authority = effective.agents.get(agent)?.authority;
  assert.ok(authority);
  const action: Action = { kind: 'net.connect', host, port };
  return decide(authority, { principal: 'p', agent }, action, NOW).effect;
}

test('a rule of the policy file opens its host for agents whose playbook inherits, and bounds all others', async () => {
  const agents = { entries: { main: {}, dev: { playbook: 'dev-assistant' } } };
  const effective = await effectiveOf(RULE, { agents });
  assert.equal(effect(effective, 'registry.example.org'), 'allow');
  assert.equal(effect(effective, 'registry.example.org', 'main', '80'), 'deny');
  assert.equal(effect(effective, 'other.example.org'), 'deny');
  assert.equal(effect(effective, 'registry.example.org', 'dev'), 'deny');
  assert.equal(effect(effective, 'github.com', 'dev'), 'deny');
  const [rule] = egressRulesOf(effective, 'main');
  assert.deepEqual(
    [rule?.id, rule?.class, rule?.owner, rule?.ticket],
    ['policy:packages', 'artifact', 'platform', 'OPS-1'],
  );
});

test('networkPolicy and the policy file compile to the same kind of rule, and both lists count', async () => {
  const networkPolicy = { allow_egress: false, egress_allowlist: ['api.example.com'] };
  const effective = await effectiveOf(RULE, { networkPolicy });
  assert.equal(effect(effective, 'api.example.com'), 'allow');
  assert.equal(effect(effective, 'registry.example.org'), 'allow');
  assert.deepEqual(
    effective.writtenEgress.map(({ source, spec, agents }) => [source, spec.id, agents]),
    [
      ['networkPolicy', 'networkPolicy:api.example.com:443', ['main']],
      ['policy/egress.yaml', 'policy:packages', ['main']],
    ],
  );
});

test('a rule for some agents is taken over by those only', async () => {
  const agents = { entries: { main: {}, other: {} } };
  const text = `${RULE}  - { host: one.example.org, agents: [other] }\n`;
  const effective = await effectiveOf(text, { agents });
  assert.equal(effect(effective, 'one.example.org', 'other'), 'allow');
  assert.equal(effect(effective, 'one.example.org', 'main'), 'deny');
});

test('egress/a policy file without rules: allows nothing', async () => {
  const agents = { entries: { dev: { playbook: 'dev-assistant' } } };
  const effective = await effectiveOf('version: 1\nrules: []\n', { agents });
  assert.equal(effect(effective, 'github.com', 'dev'), 'deny');
});

test('egress/a host that the install denies while the choice is left to playbooks: refused', async () => {
  const text = 'version: 1\nrules:\n  - { host: github.com, effect: deny, reason: leaks }\n';
  const agents = { entries: { dev: { playbook: 'dev-assistant' } } };
  const effective = await effectiveOf(text, { networkPolicy: { allow_egress: true }, agents });
  assert.equal(effect(effective, 'github.com', 'dev'), 'deny');
  assert.equal(effect(effective, 'pypi.org', 'dev'), 'allow');
});

test('everything that is wrong with a policy file is told at once, each with its line', async () => {
  const issues = await refusedOf(`version: 1
rules:
  - { host: a.example.org, prot: tls }
  - host: b.example.org
    port: 70000
  - host: c.example.org
    expires: tomorrow
  - { host: d.example.org, networks: [10.0.0.0/99] }
`);
  assert.deepEqual(
    issues.map(({ code, path, line }) => [code, path, line]),
    [
      ['CONFIG_UNKNOWN_KEY', 'rules[0].prot', 3],
      ['CONFIG_OUT_OF_RANGE', 'rules[1].port', 5],
    ],
  );
  assert.match(issues[0]?.nearest ?? '', /port/);
  const later = await refusedOf(`version: 1
rules:
  - host: c.example.org
    expires: tomorrow
  - { host: d.example.org, networks: [10.0.0.0/99] }
  - { host: e.example.org, agents: [mian] }
  - { host: "*" }
  - { host: "127.1" }
`);
  assert.deepEqual(
    later.map(({ code, line }) => [code, line]),
    [
      ['CONFIG_BAD_VALUE', 4],
      ['CONFIG_EGRESS_INVALID', 5],
      ['CONFIG_EGRESS_INVALID', 7],
      ['CONFIG_EGRESS_INVALID', 8],
      ['CONFIG_EGRESS_INVALID', 6],
    ],
  );
  assert.equal(later.at(-1)?.nearest, 'main');
});

test('egress/a policy file with aliases, tags, a second document, bytes that are no text, or too many: refused', async () => {
  for (const text of [
    'version: 1\nrules: &a [*a]\n',
    'version: 1\nrules: !!js []\n',
    'version: 1\nrules: []\nrules: []\n',
    Uint8Array.of(0xff, 0xfe),
    `version: 1\nrules: []\n# ${'x'.repeat(4 * 1024 * 1024)}`,
    'version: 2\nrules: []\n',
    'rules: []\n',
    '- 1\n',
  ]) {
    assert.ok((await refusedOf(text)).length > 0, String(text).slice(0, 40));
  }
});

test('egress/a policy file that is a link into a workspace: refused', async () => {
  using home = testHome('{}');
  const planted = home.write('workspaces/main/egress.yaml', RULE);
  home.write('policy/readme', '');
  symlinkSync(planted, `${home.paths.policy}/egress.yaml`);
  const [issue] = await refused(loadEffectiveConfig({ ...home, env: {}, now: NOW }));
  assert.equal(issue?.code, 'CONFIG_INCLUDE_OUTSIDE');
});

test('limits of the file take the place of the defaults, and what is left out keeps its own', async () => {
  const text = `version: 1
rules: []
limits:
  run: { connections: 3, requests: 4, megabytes: 5 }
  agent: { connections: 6, megabytesPerDay: 7 }
  total: { connections: 8 }
  connection: { seconds: 9 }
`;
  const { egressLimits } = await effectiveOf(text);
  assert.deepEqual(egressLimits, {
    ...DEFAULT_EGRESS_LIMITS,
    connectionsPerRun: 3,
    requestsPerRun: 4,
    bytesPerRun: 5 * 1_048_576,
    connectionsPerAgent: 6,
    bytesPerAgentDay: 7 * 1_048_576,
    connectionsTotal: 8,
    totalMs: 9_000,
  });
  const [issue] = await refusedOf('version: 1\nrules: []\nlimits: { run: { connections: 0 } }\n');
  assert.equal(issue?.code, 'CONFIG_OUT_OF_RANGE');
});

test('another policy is another configuration: its hash and its snapshot differ', async () => {
  const [one, two] = [await effectiveOf(RULE), await effectiveOf(RULE.replace('OPS-1', 'OPS-2'))];
  assert.notEqual(one.hash, two.hash);
});
