import assert from 'node:assert/strict';
import { createHash, randomBytes, randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { before, describe, test } from 'node:test';
import fc from 'fast-check';
import { type Detector, loadDetector } from '../index.ts';
import { WINDOW_CHARS } from './detector.ts';
import { isProse } from './prose.ts';

let detector: Detector;
before(async () => {
  detector = await loadDetector();
});

/** Made up here, so that no scanner of this repository reports them. */
const join2 = (...parts: readonly string[]) => parts.join('');
const KEY_BODY =
  'MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC7VJTUt9Us8cKj\nMzEfYyjiWA4R4/M2bS1GB4t7NXp98C3S';
const GITHUB = join2('ghp', '_a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8');
const SLACK = join2('xoxb', '-123456789012-1234567890123-abcdefghijklmnopqrstuvwx');
const STRIPE = join2('sk_live', '_4eC39HqLyjWDarjtT1zdp7dc');
const OWN = join2('gth', '_abcdefghijklmnop_', 'Zq8'.repeat(14), 'x_Ab12cd');

const values = (text: string, path?: string) =>
  detector.find(text, path).map(({ start, end }) => text.slice(start, end));

describe('what is found in any text', () => {
  const cases: Readonly<Record<string, readonly [text: string, value: string]>> = {
    'a GitHub token in prose': [`use ${GITHUB}, please`, GITHUB],
    'a Slack token in code': [`post("${SLACK}")`, SLACK],
    'a Stripe key': [`key ${STRIPE}\n`, STRIPE],
    "Gatehouse's own token": [`Bearer ${OWN}`, OWN.slice('gth_abcdefghijklmnop_'.length)],
    'a password in a URL': ['postgres://app:s3cr3t-pw@db.internal:5432/x', 's3cr3t-pw'],
    'a bearer header': ['-H "Authorization: Bearer abcdefghijklmnop1234"', 'abcdefghijklmnop1234'],
    'an assignment in code': ['const apiKey = "Zx81kQpLw92mVnB7";', 'Zx81kQpLw92mVnB7'],
    'an assignment in YAML': ['db_password: hunter2-Battery9\n', 'hunter2-Battery9'],
    'an assignment in JSON': ['{"client_secret":"GOC-9aB8c7D6e5F4"}', 'GOC-9aB8c7D6e5F4'],
  };
  for (const [title, [text, value]] of Object.entries(cases)) {
    test(title, () => assert.deepEqual(values(text), [value]));
  }

  test('a private key, also in a JSON string and cut off before its end', () => {
    const pem = `-----BEGIN PRIVATE KEY-----\n${KEY_BODY}\n-----END PRIVATE KEY-----\n`;
    assert.deepEqual(values(pem), [`\n${KEY_BODY}\n`]);
    const json = JSON.stringify({ private_key: pem });
    assert.equal(values(json).length, 1);
    assert.ok(json.replace(values(json)[0] ?? '', '').includes('-----BEGIN PRIVATE KEY----------END'));
    assert.deepEqual(values(pem.slice(0, 90)), [pem.slice(27, 90)]);
  });
});

describe('what is found because of the name of the file', () => {
  const cases: Readonly<Record<string, readonly [text: string, ...values: readonly string[]]>> = {
    'app/.env': ['PORT=80\nDB_PASSWORD="correct horse battery"\nSECRET=$OTHER\n', 'correct horse battery'],
    'app/.env.local': ['export API_TOKEN=abcdef', 'abcdef'],
    '.npmrc': ['//r.example/:_authToken=0123-4567\n_auth=dXNlcjpwYXNz', '0123-4567', 'dXNlcjpwYXNz'],
    '.netrc': ['machine a.example login me password hunter', 'hunter'],
    '.pypirc': ['[pypi]\nusername = u\npassword = hunter\n', 'hunter'],
    '.git-credentials': ['https://me:hunter@git.example\n', 'hunter'],
    '.pgpass': ['db:5432:*:me:hunter\n', 'hunter'],
    '.docker/config.json': ['{"auths":{"r":{"auth":"bWU6cHc="}}}', 'bWU6cHc='],
    '.kube/config': ['    token: abcdefgh\n    client-key-data: LS0tLS1C\n', 'abcdefgh', 'LS0tLS1C'],
    '.aws/credentials': ['aws_secret_access_key = wJalrXUtnFEMI/K7MDENG\n', 'wJalrXUtnFEMI/K7MDENG'],
    'application_default_credentials.json': ['{"refresh_token": "1//0abc-def"}', '1//0abc-def'],
  };
  for (const [path, [text, ...wanted]] of Object.entries(cases)) {
    test(path, () => {
      assert.deepEqual(values(text, path), wanted);
      assert.ok(values(text, 'notes.md').length <= wanted.length);
    });
  }
});

describe('honest text is left as it is', () => {
  const hex = (size: number) => randomBytes(size).toString('hex');
  const cases: Readonly<Record<string, string>> = {
    'commit ids and digests': `commit ${hex(20)}\nsha256:${hex(32)} ${createHash('sha512').update('x').digest('base64')}`,
    UUIDs: `id=${randomUUID()} request ${randomUUID()}`,
    'an image as a data URL': `<img src="data:image/png;base64,${randomBytes(3_000).toString('base64')}">`,
    'integrity digests': `"integrity": "sha512-${randomBytes(64).toString('base64')}",\n"resolved": "https://registry.npmjs.org/a/-/a-1.0.0.tgz"`,
    'a public key': `-----BEGIN PUBLIC KEY-----\n${KEY_BODY}\n-----END PUBLIC KEY-----\nssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI${hex(16)} me@host`,
    'a certificate': `-----BEGIN CERTIFICATE-----\n${randomBytes(600).toString('base64')}\n-----END CERTIFICATE-----`,
    'code that handles credentials':
      'const token = readToken1(env.API_TOKEN);\nif (password.length < 12) throw x;\nlet secret: string2;\nawait login({ token: session.token2, password: form.password1 });\ntype T = { apiKey?: string };\n',
    'templates and stand-ins':
      'token: ${{ secrets.GITHUB_TOKEN2 }}\npassword=<your-password-1>\nAPI_KEY=your-api-key-123\nsecret: "{{secret:NAME1}}"\nPASSWORD=$PW1\ntoken=xxxxxxxxxxxx\n',
    'counts and settings about credentials':
      'max_tokens: 4096\ntoken_ttl=86400s1x9\npassword_policy: min12chars9\n',
    'what masking puts there': 'DB_PASSWORD=MASKEDS46RFIWTN2EJGBX\n',
  };
  for (const [title, text] of Object.entries(cases)) {
    test(title, () => assert.deepEqual(values(text), []));
  }

  test("a lock file, a licence and this project's pages", () => {
    const root = join(import.meta.dirname, '../../../..');
    for (const name of ['package-lock.json', 'LICENSE', 'SECURITY.md', 'docs/architecture.md', 'biome.json'])
      assert.deepEqual(values(readFileSync(join(root, name), 'utf8'), name), [], name);
  });
});

test('what counts as prose holds nothing that a rule would find', () => {
  const names = [
    'password',
    'Authorization',
    'Bearer',
    'AKIA',
    'secret',
    'BEGIN PRIVATE KEY',
    'token',
    'SG.',
  ];
  const character = fc.constantFrom(...'abcXYZ.,!?;\'"()* \n\té漢');
  const piece = fc.oneof(
    fc.array(character, { maxLength: 30 }).map((all) => all.join('')),
    fc.constantFrom(...names),
  );
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 20 }), (pieces) => {
      const text = pieces.join('');
      // With the name of a file the rules are asked whatever the text is.
      if (isProse(text)) assert.deepEqual(values(text, 'notes.txt'), []);
    }),
    { seed: 20_261_128, numRuns: 2_000 },
  );
});

test('a word of 24 letters is prose, one of 25 and anything with a digit are looked at', () => {
  assert.equal(isProse(`Dear ${'a'.repeat(24)} and friends, hello!`), true);
  for (const text of ['a'.repeat(25), `it is ${GITHUB}`, 'pin 1', 'password: abc', 'a=b', 'a/b', 'x_y'])
    assert.equal(isProse(text), false, text);
});

test('a credential across two windows of a long text is found once', () => {
  const before = 'word '.repeat(WINDOW_CHARS / 5).slice(0, WINDOW_CHARS - 20);
  const text = `${before} ${GITHUB} ${'tail '.repeat(20_000)}`;
  assert.deepEqual(values(text), [GITHUB]);
});

test('secrets/a text made to keep the patterns busy: refused its time (attack 93)', () => {
  const pieces = [
    'a',
    ' ',
    '"',
    '=',
    '\n',
    '-----BEGIN RSA PRIVATE KEY-----\n',
    '-----BEGIN ',
    'aws_secret_access_key=',
    'https://a:',
    'https://',
    'eyJ',
    'eyJaaaaaaaaaaa.',
    'token=',
    'password: "',
    'authorization: bearer ',
    'gth_aaaa_',
    'xoxb-1-',
    'AKIA',
    "secret='",
    'a.b_c-',
    '\t =\t ',
    '{"auths":',
    '//r/:_authToken=',
    'sk-',
    '://',
  ];
  for (const piece of pieces) {
    const text = piece.repeat(Math.ceil(WINDOW_CHARS / piece.length));
    const since = performance.now();
    detector.find(text, '.env');
    // A hundred times what it takes; anything that grows with the square takes minutes.
    assert.ok(performance.now() - since < 5_000, JSON.stringify(piece));
  }
});
