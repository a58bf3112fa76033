import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  readAbsolutePath,
  readAlias,
  readDestination,
  readListen,
  readPath,
  readPort,
  readPublicKey,
  readServerName,
} from './values.ts';

const KEY = `ssh-ed25519 ${'A'.repeat(68)}`;

/** What would be more than a value in an ssh command, a unit or a configuration of nginx. */
const REFUSED: readonly (readonly [
  read: (text: string) => unknown,
  code: string,
  texts: readonly string[],
])[] = [
  [
    readDestination,
    'REACH_HOST_INVALID',
    ['-oProxyCommand=sh', 'a b', 'fe80::1%eth0', 'x;y', '-u@host', '', 'a@b@'],
  ],
  [readServerName, 'REACH_NAME_INVALID', ['1.2.3.4', '::1', 'a..b', 'x y', '"; return 200', '']],
  [readAlias, 'REACH_NAME_INVALID', ['../x', 'a b', '-x', '']],
  [
    readPath,
    'REACH_PATH_INVALID',
    ['relative', '/a/../b', '/a b', '/a$(x)', '/a\nb', '/%h', `/${'a'.repeat(1_024)}`],
  ],
  [readAbsolutePath, 'REACH_PATH_INVALID', ['~/x', 'x']],
  [readListen, 'REACH_LISTEN_INVALID', ['0', '65536', '1.2.3:80', '[::x]:80', '80;', '127.0.0.1:080']],
  [
    readPublicKey,
    'REACH_KEY_INVALID',
    [`command="sh" ${KEY}`, `${KEY}\n${KEY}`, 'ssh-dss AAAA', '', `${KEY} a b`],
  ],
];

for (const [read, code, texts] of REFUSED)
  test(`reach/${read.name} of something that is more than a value: refused with ${code}`, () => {
    for (const text of texts) assert.throws(() => read(text), { code }, JSON.stringify(text));
  });

test('reach/a port that is none: refused', () => {
  for (const port of [0, 65_536, -1, 1.5, Number.NaN])
    assert.throws(() => readPort(port), { code: 'REACH_PORT_INVALID' });
  assert.deepEqual([readPort(1), readPort(65_535)], [1, 65_535]);
});

test('ordinary values are read as they are', () => {
  assert.deepEqual(readDestination('ann@host.example'), { user: 'ann', host: 'host.example' });
  assert.equal(readServerName('Host.Example'), 'host.example');
  assert.deepEqual(readListen('[::1]:443'), { address: '[::1]', port: 443 });
  assert.equal(readPublicKey(`${KEY}\n`), KEY);
});
