import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { type Action, authorityOf, decide, taintLayer } from '../../kernel/index.ts';
import { egressRulesOf, loadEffectiveConfig } from '../load.ts';
import { NOW, refused, type TestHome, testHome } from '../testing/home.ts';
import { MAX_PLAYBOOKS } from './load.ts';
import { MAX_PLAYBOOK_BYTES } from './parse.ts';
import { renderShippedPlaybooks } from './render.ts';

const AGENTS = { main: 'default', support: 'support-bot', ops: 'ops-helper', dev: 'dev-assistant' };

function homeWith(playbooks: Readonly<Record<string, string>>, config: object = {}): TestHome {
  const entries = Object.fromEntries(Object.entries(playbooks).map(([id, playbook]) => [id, { playbook }]));
  return testHome(JSON.stringify({ agents: { entries }, ...config }));
}

const load = ({ paths, userHome }: TestHome) => loadEffectiveConfig({ paths, userHome, env: {}, now: NOW });

const run = (command: string): Action => ({
  kind: 'exec',
  program: command.split(' ')[0]?.split('/').at(-1) ?? '',
  command,
  unclear: false,
});
const tool = (name: string): Action => ({ kind: 'tool.call', tool: name });
const read = (path: string): Action => ({ kind: 'file.read', path });
const write = (path: string): Action => ({ kind: 'file.write', path });
const connect = (host: string, port = '443'): Action => ({ kind: 'net.connect', host, port });

/** What each shipped playbook is documented to decide, clean and after untrusted content. */
const DECISIONS: readonly (readonly [
  agent: keyof typeof AGENTS,
  action: Action,
  clean: string,
  tainted: string,
])[] = [
  ['main', tool('shell'), 'allow', 'allow'],
  ['main', tool('browser'), 'deny', 'deny'],
  ['main', run('uname -a'), 'allow', 'ask'],
  ['main', run('cat notes.txt'), 'allow', 'ask'],
  ['main', run('./ls'), 'ask', 'ask'],
  ['main', run('rm -rf /'), 'ask', 'ask'],
  ['main', run('bash -c id'), 'ask', 'ask'],
  ['main', read('/workspace/a'), 'allow', 'allow'],
  ['main', write('/workspace/a'), 'allow', 'allow'],
  ['main', write('/tmp/a'), 'allow', 'allow'],
  ['main', read('/etc/passwd'), 'deny', 'deny'],
  ['main', read('/workspace-other/a'), 'deny', 'deny'],
  ['main', connect('example.org'), 'deny', 'deny'],
  ['main', { kind: 'secret.use', secret: 'k', host: 'example.org' }, 'deny', 'deny'],
  ['main', { kind: 'config.change', path: '/gateway' }, 'deny', 'deny'],
  ['main', { kind: 'operation.call', operation: 'token.issue', scope: 'operator.admin' }, 'deny', 'deny'],
  ['main', { kind: 'model.call', model: 'rehearsal/script' }, 'allow', 'allow'],
  ['main', { kind: 'agent.run', agent: 'main' }, 'allow', 'allow'],
  ['support', tool('read'), 'allow', 'allow'],
  ['support', tool('shell'), 'deny', 'deny'],
  ['support', tool('write'), 'deny', 'deny'],
  ['support', run('ls'), 'deny', 'deny'],
  ['support', read('/workspace/faq.md'), 'allow', 'allow'],
  ['support', write('/workspace/faq.md'), 'deny', 'deny'],
  ['support', write('/tmp/x'), 'allow', 'deny'],
  ['support', connect('api.intercom.io'), 'allow', 'allow'],
  ['support', connect('api.intercom.io', '80'), 'deny', 'deny'],
  ['support', connect('evil.api.intercom.io'), 'deny', 'deny'],
  ['support', { kind: 'message.send', channel: 'telegram', recipient: '1' }, 'ask', 'ask'],
  ['ops', run('grep error /data/logs/syslog'), 'allow', 'allow'],
  ['ops', run('rm /data/logs/syslog'), 'deny', 'deny'],
  ['ops', read('/data/logs/syslog'), 'allow', 'allow'],
  ['ops', write('/data/logs/syslog'), 'deny', 'deny'],
  ['ops', connect('loki.internal', '3100'), 'allow', 'allow'],
  ['ops', connect('example.org'), 'deny', 'deny'],
  ['dev', run('git status -s'), 'allow', 'allow'],
  ['dev', run('git push origin topic'), 'ask', 'ask'],
  ['dev', run('git push --force origin main'), 'deny', 'deny'],
  ['dev', run('git -c core.pager=sh log'), 'ask', 'ask'],
  ['dev', run('npm test'), 'allow', 'allow'],
  ['dev', run('npm publish'), 'ask', 'ask'],
  ['dev', run('npx anything'), 'ask', 'ask'],
  ['dev', write('/workspace/src/a.ts'), 'allow', 'allow'],
  ['dev', write('/workspace/.git/hooks/pre-commit'), 'deny', 'deny'],
  ['dev', connect('registry.npmjs.org'), 'allow', 'allow'],
  ['dev', connect('gist.github.com'), 'deny', 'deny'],
];

test('the shipped playbooks decide what their files say, before and after untrusted content', async () => {
  using home = homeWith(AGENTS);
  const { agents } = await load(home);
  for (const [agent, action, clean, tainted] of DECISIONS) {
    const policy = agents.get(agent);
    assert.ok(policy);
    const subject = { principal: 'p', agent };
    const label = `${agent}: ${JSON.stringify(action)}`;
    assert.equal(decide(policy.authority, subject, action, NOW).effect, clean, label);
    const layers = [...policy.authority.layers, taintLayer(['untrusted'], policy.taintPolicy)];
    assert.equal(decide(authorityOf(...layers), subject, action, NOW).effect, tainted, `${label} tainted`);
    const both = taintLayer(['untrusted', 'private'], policy.taintPolicy);
    const together = decide(authorityOf(...policy.authority.layers, both), subject, action, NOW).effect;
    const waysOut = ['exec', 'net.connect', 'message.send', 'secret.use'];
    if (waysOut.includes(action.kind)) assert.notEqual(together, 'allow', `${label} private too`);
  }
});

test('what the program carries is what playbooks/*.yaml say', async () => {
  const folder = fileURLToPath(new URL('../../../playbooks/', import.meta.url));
  const carried = readFileSync(new URL('./shipped.ts', import.meta.url), 'utf8');
  assert.equal(carried, await renderShippedPlaybooks(folder), 'run `npm run generate`');
});

test('only agents with destinations get a way out, and their rules carry the names of the playbook', async () => {
  using home = homeWith(AGENTS);
  const effective = await load(home);
  const ways = [...effective.agents].map(([id, policy]) => [id, policy.egress]);
  assert.deepEqual(Object.fromEntries(ways), { main: false, support: true, ops: true, dev: true });
  const [first] = egressRulesOf(effective, 'support');
  assert.equal(first?.id, 'api.intercom.io:443');
  assert.deepEqual(egressRulesOf(effective, 'nobody'), []);
});

const MINE = `
playbook: mine
version: 1
owner: ops
review: 2027-01-31
purpose: test
tools: { allow: [shell, read] }
files: { workspace: ro }
`;

async function issuesOf(text: string, name = 'mine.yaml') {
  using home = homeWith({ main: 'mine' });
  home.write(`playbooks/${name}`, text);
  return await refused(load(home));
}

test('a playbook of the home compiles, and its rules carry who, why and until when', async () => {
  using home = homeWith({ main: 'mine' });
  const grep = '  - { allow: [grep], owner: eve, ticket: T-1, reason: looking, expires: 2026-06-02 }';
  home.write('playbooks/mine.yaml', `${MINE}commands:\n${grep}\n`);
  const authority = (await load(home)).agents.get('main')?.authority;
  assert.ok(authority);
  const at = (now: number) => decide(authority, { principal: 'p' }, run('grep x'), now);
  const midnight = Date.UTC(2026, 5, 3);
  assert.equal(at(midnight - 1).effect, 'allow');
  assert.equal(at(midnight).effect, 'deny');
  assert.equal(at(midnight - 1).rule, 'playbook:mine/command:grep');
});

test('playbook/allowing a shell, an interpreter or a wrapper in any spelling: refused', async () => {
  for (const word of [
    'bash',
    'sh -c id',
    'python3',
    'python3.12 x.py',
    'env',
    'xargs ls',
    'sudo $',
    'busybox ls',
    'node',
    'perl5',
  ]) {
    const [issue] = await issuesOf(`${MINE}commands:\n  - allow: [${word}]\n`);
    assert.equal(issue?.code, 'PLAYBOOK_INTERPRETER', word);
    assert.equal(issue?.path, 'commands[0].allow[0]');
    assert.equal(issue?.line, 10);
  }
  using home = homeWith({ main: 'mine' });
  home.write('playbooks/mine.yaml', `${MINE}commands:\n  - ask: [bash, python3]\n  - deny: [perl]\n`);
  await load(home);
});

test('playbook/allowing a program that runs others with any arguments: refused', async () => {
  for (const word of ['git', 'find', 'tar', 'make', 'npm']) {
    const [issue] = await issuesOf(`${MINE}commands:\n  - allow: [${word}]\n`);
    assert.equal(issue?.code, 'PLAYBOOK_COMMAND_TOO_WIDE', word);
  }
});

test('playbook/patterns that are not plain words: refused', async () => {
  for (const word of [
    "'*'",
    "'ls *'",
    '"ls; id"',
    "'$(id)'",
    "'ls  -l'",
    "'/bin/ls'",
    "'./ls'",
    "'ls | sh'",
  ]) {
    const [issue] = await issuesOf(`${MINE}commands:\n  - allow: [${word}]\n`);
    assert.equal(issue?.code, 'PLAYBOOK_COMMAND_INVALID', word);
  }
});

test('playbook/lines with two effects, two otherwise, an expiring denial: refused', async () => {
  for (const lines of [
    '  - { allow: [ls], deny: [id] }',
    '  - { reason: nothing }',
    '  - { otherwise: ask }\n  - { otherwise: deny }',
    '  - { otherwise: allow }',
    '  - { deny: [ls], expires: 2026-12-01 }',
    '  - { allow: [ls], expires: tomorrow }',
  ]) {
    const [issue] = await issuesOf(`${MINE}commands:\n${lines}\n`);
    assert.equal(issue?.code, 'CONFIG_BAD_VALUE', lines);
  }
});

test('playbook/aliases, repeated keys, tags, other encodings and sizes: refused', async () => {
  const bomb = ['a: &a [1,1]', 'b: &b [*a,*a]', 'c: &c [*b,*b]'].join('\n');
  assert.equal((await issuesOf(bomb))[0]?.code, 'CONFIG_SYNTAX');
  assert.equal((await issuesOf(`${MINE}owner: twice\n`))[0]?.code, 'CONFIG_DUPLICATE_KEY');
  assert.equal((await issuesOf(`${MINE}prompt: !!js/function x\n`))[0]?.code, 'CONFIG_SYNTAX');
  assert.equal((await issuesOf('a: [1, 2'))[0]?.code, 'CONFIG_SYNTAX');
  assert.equal((await issuesOf(`${MINE}#${'x'.repeat(MAX_PLAYBOOK_BYTES)}`))[0]?.code, 'CONFIG_TOO_LARGE');
  assert.equal((await issuesOf('['.repeat(100_000)))[0]?.code.startsWith('CONFIG_'), true);
});

test('playbook/unknown keys and tools: refused with the nearest name', async () => {
  const [key] = await issuesOf(`${MINE}comands: []\n`);
  assert.equal(key?.code, 'CONFIG_UNKNOWN_KEY');
  assert.equal(key?.nearest, 'commands');
  assert.equal(key?.file?.endsWith('mine.yaml'), true);
  const [name] = await issuesOf(MINE.replace('[shell, read]', '[shel]'));
  assert.equal(name?.nearest, 'shell');
});

test('playbook/taking the name of a shipped one, or another name than its file: refused', async () => {
  for (const name of ['default.yaml', 'Mine.yaml', 'mine.yml', 'other.yaml']) {
    assert.equal((await issuesOf(MINE, name))[0]?.code, 'PLAYBOOK_NAME', name);
  }
});

test('playbook/mounts of credentials, sockets, system and Gatehouse itself: refused', async () => {
  const home = homeWith({ main: 'mine' });
  using _home = home;
  const sources = [
    '/',
    '/etc',
    '/proc',
    '/run/docker.sock',
    '/var/run',
    '/var',
    home.paths.home,
    home.userHome,
  ];
  sources.push(`${home.paths.home}/keys`, '~/.ssh', '~/.aws', 'relative', '/srv/../etc');
  for (const source of sources) {
    home.write(
      'playbooks/mine.yaml',
      `${MINE.replace('ro }', `ro, mounts: [{ source: '${source}', target: /data/x }] }`)}`,
    );
    const [issue] = await refused(load(home));
    assert.equal(issue?.code, 'CONFIG_PATH_NOT_ALLOWED', source);
  }
});

test('playbook/mount targets and paths outside the sandbox roots: refused', async () => {
  for (const target of ['/etc', '/workspace', '/data/../etc', '/data/**', 'data']) {
    const [issue] = await issuesOf(
      MINE.replace('ro }', `ro, mounts: [{ source: /srv, target: '${target}' }] }`),
    );
    assert.equal(issue?.code, 'PLAYBOOK_FILES_INVALID', target);
  }
  for (const path of ['/etc/**', '/workspace/../etc', '/workspace/*/x', 'workspace']) {
    const [issue] = await issuesOf(MINE.replace('ro }', `ro, readable: ['${path}'] }`));
    assert.equal(issue?.code, 'PLAYBOOK_FILES_INVALID', path);
  }
});

test('playbook/secrets and destinations that cannot be: refused', async () => {
  assert.equal((await issuesOf(`${MINE}secrets: [openai]\n`))[0]?.code, 'PLAYBOOK_SECRET_UNKNOWN');
  for (const host of ["'*'", "'*.org'", 'http://x.org', '0x7f.1', "'a b'", '10.0.0.1.']) {
    const [issue] = await issuesOf(`${MINE}egress: [{ host: ${host} }]\n`);
    assert.equal(issue?.code, 'CONFIG_EGRESS_INVALID', host);
  }
});

test('a mount that does not exist and a review that is due are warnings', async () => {
  using home = homeWith({ main: 'mine' });
  const mount = MINE.replace('ro }', 'ro, mounts: [{ source: /srv/nothing/here, target: /data/x }] }');
  home.write('playbooks/mine.yaml', mount.replace('2027-01-31', '2026-01-31'));
  const codes = (await load(home)).warnings.map((issue) => issue.code);
  assert.deepEqual(codes.sort(), ['PLAYBOOK_MOUNT_MISSING', 'PLAYBOOK_REVIEW_DUE']);
});

test('a playbook that no agent has is checked too', async () => {
  using home = testHome();
  home.write('playbooks/mine.yaml', `${MINE}commands:\n  - allow: [bash]\n`);
  assert.equal((await refused(load(home)))[0]?.code, 'PLAYBOOK_INTERPRETER');
});

test('playbook/more files than the bound: refused', async () => {
  using home = testHome();
  const fill = (count: number): void => {
    for (let index = 0; index < count; index++) {
      home.write(`playbooks/p${index}.yaml`, MINE.replace('playbook: mine', `playbook: p${index}`));
    }
  };
  fill(MAX_PLAYBOOKS);
  await load(home);
  fill(MAX_PLAYBOOKS + 1);
  assert.equal((await refused(load(home)))[0]?.code, 'CONFIG_TOO_LARGE');
});
