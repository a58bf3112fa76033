import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { CONFIG_DEFAULTS } from './defaults.ts';
import { nodeFiles } from './files.ts';
import { MAX_INCLUDE_DEPTH, MAX_INCLUDES } from './input/include.ts';
import { MAX_CONFIG_BYTES } from './input/parse.ts';
import { MAX_DEPTH } from './input/scan.ts';
import { MAX_ISSUES } from './issues.ts';
import { loadEffectiveConfig } from './load.ts';
import { NOW, refused, type TestHome, testHome } from './testing/home.ts';

const load = ({ paths, userHome }: TestHome, env: Record<string, string> = {}) =>
  loadEffectiveConfig({ paths, userHome, env, now: NOW });

async function refusedCodes(config: string | Uint8Array): Promise<readonly string[]> {
  using home = testHome(config);
  return (await refused(load(home))).map((issue) => issue.code);
}

test('without a file the embedded defaults hold', async () => {
  using home = testHome();
  const effective = await load(home);
  assert.equal(effective.config.gateway.port, 18_789);
  assert.equal(effective.config.gateway.bind, 'loopback');
  assert.equal(effective.config.gateway.http.endpoints.chatCompletions.enabled, true);
  assert.deepEqual([...effective.agents.keys()], ['main']);
  assert.equal(effective.agents.get('main')?.playbook, 'default');
  assert.deepEqual(effective.agents.get('main')?.models, ['rehearsal/script']);
  assert.deepEqual(effective.warnings, []);
  assert.ok(Object.isFrozen(effective) && Object.isFrozen(effective.config.gateway.auth.rateLimit));
});

test('an empty file, a byte order mark and comments are fine', async () => {
  for (const text of ['', '  \n', '\uFEFF{}', '// nothing yet\n{ /* really */ }']) {
    using home = testHome(text);
    assert.equal((await load(home)).config.gateway.port, 18_789);
  }
});

test("the schema's notes of defaults are the defaults", async () => {
  const { configJsonSchema } = await import('./schema.ts');
  const seen: string[] = [];
  const compare = (node: Record<string, unknown>, value: unknown, path: string): void => {
    if ('default' in node && value !== undefined) {
      assert.equal(value, node['default'], path);
      seen.push(path);
    }
    for (const [key, child] of Object.entries((node['properties'] ?? {}) as Record<string, object>)) {
      compare(
        child as Record<string, unknown>,
        (value as Record<string, unknown> | undefined)?.[key],
        `${path}.${key}`,
      );
    }
  };
  compare(configJsonSchema() as Record<string, unknown>, CONFIG_DEFAULTS, '');
  assert.ok(seen.length >= 8, seen.join(' '));
});

test('config/a truncated file, another encoding, NUL and syntax errors: refused', async () => {
  assert.deepEqual(await refusedCodes('{ gateway: { port: 1878'), ['CONFIG_TRUNCATED']);
  assert.deepEqual(await refusedCodes('{ gateway: ] }'), ['CONFIG_SYNTAX']);
  assert.deepEqual(await refusedCodes(Buffer.from('{ gateway: {} }', 'utf16le')), ['CONFIG_NOT_UTF8']);
  assert.deepEqual(await refusedCodes(Buffer.from([0x7b, 0xff, 0xfe, 0x7d])), ['CONFIG_NOT_UTF8']);
  assert.deepEqual(await refusedCodes('{ $schema: "a\0b" }'), ['CONFIG_NOT_UTF8']);
});

test('config/a syntax error never repeats what the file holds: refused', async () => {
  using home = testHome('{ apiKey: sk-verysecret }');
  const issues = await refused(load(home));
  assert.ok(!JSON.stringify(issues).includes('verysecret'));
  assert.equal(issues[0]?.line, 1);
});

test('config/a file of 50 MB is refused before it is read', async () => {
  using home = testHome('{}');
  truncateSync(home.paths.config, 50 * 1024 * 1024);
  const before = process.memoryUsage().arrayBuffers;
  const issues = await refused(load(home));
  assert.equal(issues[0]?.code, 'CONFIG_TOO_LARGE');
  assert.ok(process.memoryUsage().arrayBuffers - before < 10 * 1024 * 1024);
});

test('config/one byte past the size limit: refused, at the limit accepted', async () => {
  const at = (size: number) => `{}${' '.repeat(size - 2)}`;
  using home = testHome(at(MAX_CONFIG_BYTES));
  await load(home);
  assert.deepEqual(await refusedCodes(at(MAX_CONFIG_BYTES + 1)), ['CONFIG_TOO_LARGE']);
});

test('config/a directory or a pipe in place of the file: refused without hanging', async () => {
  for (const make of [(path: string) => mkdirSync(path), (path: string) => execFileSync('mkfifo', [path])]) {
    using home = testHome();
    make(home.paths.config);
    assert.equal((await refused(load(home)))[0]?.code, 'CONFIG_UNREADABLE');
  }
});

test('config/nesting past the limit: refused, and deep enough to exhaust a stack too', async () => {
  const nested = (depth: number) => `${'['.repeat(depth)}${']'.repeat(depth)}`;
  assert.deepEqual(await refusedCodes(nested(MAX_DEPTH + 1)), ['CONFIG_TOO_DEEP']);
  assert.deepEqual(await refusedCodes(nested(400_000)), ['CONFIG_TOO_DEEP']);
  assert.deepEqual(await refusedCodes(nested(MAX_DEPTH)), ['CONFIG_WRONG_TYPE']);
});

test('config/a key that reaches the prototype: refused', async () => {
  assert.deepEqual(await refusedCodes('{ "__proto__": { gateway: { port: 1 } } }'), ['CONFIG_FORBIDDEN_KEY']);
  assert.deepEqual(await refusedCodes('{ "__pr\\u006fto__": {} }'), ['CONFIG_FORBIDDEN_KEY']);
});

test('config/everything that is wrong is reported at once, with lines, up to a bound', async () => {
  using home = testHome(`{
  gateway: { prot: 1, port: "x", port2: 70000 },
  gateway: {},
  dmPolicy: { mode: "opne" },
}`);
  const issues = await refused(load(home));
  const seen = issues.map(({ path, code, line }) => `${path} ${code} ${line}`);
  assert.ok(seen.includes('gateway CONFIG_DUPLICATE_KEY 3'), seen.join('\n'));
  assert.ok(seen.includes('dmPolicy.mode CONFIG_BAD_VALUE 4'), seen.join('\n'));
  assert.equal(issues.find((issue) => issue.path === 'dmPolicy.mode')?.nearest, 'open');
  const keys = Array.from({ length: 5_000 }, (_, index) => `k${index}: 1`).join(',');
  const codes = await refusedCodes(`{ ${keys} }`);
  assert.equal(codes.length, MAX_ISSUES + 1);
  assert.equal(codes.at(-1), 'CONFIG_TOO_MANY_ISSUES');
});

test('includes are merged, beside and below, and their errors name their own file', async () => {
  using home = testHome('{ $include: ["./a.json5", "./conf/b.json5"], gateway: { port: 1 } }');
  home.write('a.json5', '{ gateway: { port: 2, allowedHosts: ["a"] }, logging: { level: "warn" } }');
  home.write('conf/b.json5', '{ logging: { $include: "./c.json5" } }');
  home.write('conf/c.json5', '{ level: "debug" }');
  const { config } = await load(home);
  assert.equal(config.gateway.port, 1);
  assert.deepEqual(config.gateway.allowedHosts, ['a']);
  assert.equal(config.logging.level, 'debug');
  const broken = home.write('conf/c.json5', '{\n  levle: "debug" }');
  const [issue] = await refused(load(home));
  assert.equal(issue?.path, 'logging.levle');
  assert.equal(issue?.file, broken);
  assert.equal(issue?.line, 2);
});

test('config/an include that comes back to itself: refused', async () => {
  using home = testHome('{ $include: "./a.json5" }');
  home.write('a.json5', '{ $include: "./b.json5" }');
  home.write('b.json5', '{ $include: "./a.json5" }');
  assert.deepEqual(
    (await refused(load(home))).map((issue) => issue.code),
    ['CONFIG_INCLUDE_CYCLE'],
  );
  home.write('gatehouse.json', '{ $include: "./gatehouse.json" }');
  assert.deepEqual(
    (await refused(load(home))).map((issue) => issue.code),
    ['CONFIG_INCLUDE_CYCLE'],
  );
});

test('config/an include outside the home, by path, by link, or from a workspace: refused', async () => {
  using home = testHome();
  writeFileSync(join(home.userHome, 'outside.json5'), '{ gateway: { port: 1 } }');
  home.write('workspaces/main/evil.json5', '{ gateway: { port: 1 } }');
  symlinkSync(join(home.userHome, 'outside.json5'), join(home.paths.home, 'link.json5'));
  symlinkSync(join(home.paths.workspaces, 'main'), join(home.paths.home, 'conf'));
  for (const name of [
    '../outside.json5',
    './link.json5',
    './workspaces/main/evil.json5',
    './conf/evil.json5',
  ]) {
    home.write('gatehouse.json', JSON.stringify({ $include: name }));
    const issues = await refused(load(home));
    assert.deepEqual(
      issues.map((issue) => issue.code),
      ['CONFIG_INCLUDE_OUTSIDE'],
      name,
    );
  }
  for (const name of ['/etc/hostname', '', 7]) {
    home.write('gatehouse.json', JSON.stringify({ $include: name }));
    assert.deepEqual(
      (await refused(load(home))).map((issue) => issue.code),
      ['CONFIG_INCLUDE_INVALID'],
    );
  }
});

test('config/an include that asks whether a file outside the home exists: refused alike either way', async () => {
  using home = testHome();
  const told = async (name: string) => {
    home.write('gatehouse.json', JSON.stringify({ $include: name }));
    return (await refused(load(home))).map(({ code, message }) => `${code} ${message}`);
  };
  const up = '../'.repeat(home.paths.home.split('/').length);
  for (const folder of [`${up}etc/`, './keys/']) {
    assert.deepEqual(await told(`${folder}passwd`), await told(`${folder}nothing-of-this-name`));
    assert.match((await told(`${folder}passwd`)).join(), /CONFIG_INCLUDE_OUTSIDE/);
  }
});

test('config/a text with more unknown keys than a report lists: refused, and the report stays short', async () => {
  const keys = Array.from({ length: 60_000 }, (_, index) => `"k${index}":1`);
  const issues = (await refusedCodes(`{${keys.join(',')}}`)).length;
  assert.equal(issues, MAX_ISSUES + 1);
});

test('config/includes deeper than the bound: refused', async () => {
  using home = testHome('{ $include: "./0.json5" }');
  const chain = (length: number): void => {
    for (let index = 0; index < length; index++) {
      home.write(`${index}.json5`, index === length - 1 ? '{}' : `{ $include: "./${index + 1}.json5" }`);
    }
  };
  chain(MAX_INCLUDE_DEPTH);
  await load(home);
  chain(MAX_INCLUDE_DEPTH + 1);
  assert.deepEqual(
    (await refused(load(home))).map((issue) => issue.code),
    ['CONFIG_INCLUDE_INVALID'],
  );
});

test('config/more includes than the bound: refused', async () => {
  using home = testHome();
  home.write('a.json5', '{}');
  const include = (count: number) =>
    home.write(
      'gatehouse.json',
      JSON.stringify({ $include: Array.from({ length: count }, () => './a.json5') }),
    );
  include(MAX_INCLUDES);
  await load(home);
  include(MAX_INCLUDES + 1);
  assert.deepEqual(
    (await refused(load(home))).map((issue) => issue.code),
    ['CONFIG_INCLUDE_INVALID'],
  );
});

test('config/a secret in clear: refused without showing it', async () => {
  const value = 'sk-ant-REDACTED';
  for (const config of [
    `{ models: { providers: { x: { baseUrl: "https://x.org/v1", apiKey: "${value}" } } } }`,
    `{ channels: { telegram: { botToken: "${value}" } } }`,
    `{ agents: { defaults: { systemPrompt: "use ${value}" } } }`,
  ]) {
    using home = testHome(config);
    const issues = await refused(load(home));
    assert.deepEqual(
      issues.map((issue) => issue.code),
      ['CONFIG_SECRET_LITERAL'],
    );
    assert.ok(!JSON.stringify(issues).includes('should-never'));
  }
});

test('config/a reference where no secret belongs: refused', async () => {
  assert.deepEqual(await refusedCodes('{ gateway: { allowedHosts: ["${HOSTNAME}"] } }'), [
    'CONFIG_REFERENCE_NOT_ALLOWED',
  ]);
});

test('the port of the environment counts over the file, and a bad one is an error', async () => {
  using home = testHome('{ gateway: { port: 1000 } }');
  assert.equal((await load(home, { GATEHOUSE_PORT: '0' })).config.gateway.port, 0);
  const issues = await refused(load(home, { GATEHOUSE_PORT: '70000' }));
  assert.equal(issues[0]?.code, 'CONFIG_OUT_OF_RANGE');
});

test('equal configurations have equal hashes, whatever the order and the comments', async () => {
  using one = testHome('{ gateway: { port: 1 }, logging: { level: "info" } }');
  using two = testHome('// same\n{ logging: { level: "info" }, gateway: { "port": 1, bind: "auto" } }');
  using three = testHome('{ gateway: { port: 2 } }');
  const hashes = [(await load(one)).hash, (await load(two)).hash, (await load(three)).hash];
  assert.equal(hashes[0], hashes[1]);
  assert.notEqual(hashes[0], hashes[2]);
});

test('a missing folder of playbooks is no error, an unreadable one is', () => {
  assert.deepEqual(nodeFiles.list('/nonexistent/playbooks'), []);
});

test('config/a bind that no machine can open (a block, a name, a path that is too long): refused', async () => {
  const binds = ['10.0.0.0/8', 'example.org', '010.1', `/${'x'.repeat(120)}`, 'fe80::1%eth0'];
  for (const bind of binds) {
    const gateways = [{ bind }, { listeners: { admin: { enabled: true, bind } } }];
    for (const gateway of gateways)
      assert.deepEqual(await refusedCodes(JSON.stringify({ gateway })), ['CONFIG_BIND_INVALID'], bind);
  }
  for (const bind of ['loopback', 'auto', '127.0.0.1', '::1', '/run/gatehouse.sock', '10.0.0.5']) {
    using home = testHome(JSON.stringify({ gateway: { bind } }));
    assert.equal((await load(home)).config.gateway.bind, bind === 'auto' ? 'loopback' : bind);
  }
});
