import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { MAX_OFFERED, type OfferedValue } from '../../controls/secrets/index.ts';
import { offerValues } from '../masking/values-client.ts';
import { ValuesServer } from './values-server.ts';

const folder = mkdtempSync(join(tmpdir(), 'gh-values-'));
const path = join(folder, 'values.sock');
let held: readonly OfferedValue[] = [];
let changed: () => void = () => undefined;
const workspace = {
  wanted: [{ name: 'A', selector: { key: 'TOKEN' } }],
  hold(values: readonly OfferedValue[]) {
    held = values;
    changed();
  },
};
const server = new ValuesServer({ workspaceOf: (run) => (run === 'open' ? workspace : undefined) });
const nextChange = () =>
  new Promise<void>((resolve) => {
    changed = resolve;
  });

before(() => server.listen(path));
after(async () => {
  await server.close();
  rmSync(folder, { recursive: true });
});

const VALUE = { name: 'A', placeholder: 'MASKEDAAAAAAAAAAAA', value: 'value-of-it' };

async function say(socket: Socket, text: string): Promise<string> {
  const heard = once(socket, 'data').then(([chunk]) => String(chunk));
  const closed = once(socket, 'close').then(() => '(closed)');
  socket.write(`${text}\n`);
  return Promise.race([heard, closed]);
}

async function opened(): Promise<Socket> {
  const socket = connect(path);
  socket.on('error', () => undefined);
  await once(socket, 'connect');
  return socket;
}

describe('credentials of a workspace in egress', () => {
  test('are held while the connection of the masker lasts, and not after it', async () => {
    const end = await offerValues(path, 'open', (wanted) => {
      assert.deepEqual(wanted, workspace.wanted);
      return [VALUE];
    });
    assert.deepEqual(held, [VALUE]);
    const gone = nextChange();
    end();
    await gone;
    assert.deepEqual(held, []);
  });

  test('secrets/a run that is not open: refused', async () => {
    await offerValues(path, 'closed', () => assert.fail('nothing is wanted'));
    assert.deepEqual(held, []);
  });

  test('secrets/a second voice for a run, and a second try after it: refused', async () => {
    const end = await offerValues(path, 'open', () => [VALUE]);
    await offerValues(path, 'open', () => assert.fail('nothing is wanted'));
    assert.deepEqual(held, [VALUE]);
    const gone = nextChange();
    end();
    await gone;
  });

  const bad: Readonly<Record<string, unknown>> = {
    'a name that nobody asked for': { values: [{ ...VALUE, name: 'B' }] },
    'a value that is no text': { values: [{ ...VALUE, value: 7 }] },
    'a placeholder that is missing': { values: [{ name: 'A', value: 'x' }] },
    'too many values': { values: Array.from({ length: MAX_OFFERED + 1 }, () => VALUE) },
    'no list': { values: 'x' },
    nothing: null,
  };
  for (const [title, said] of Object.entries(bad)) {
    test(`secrets/${title}: refused`, async () => {
      const socket = await opened();
      assert.match(await say(socket, '{"run":"open"}'), /"name":"A"/);
      assert.equal(await say(socket, JSON.stringify(said)), '(closed)');
      assert.deepEqual(held, []);
    });
  }

  test('as many values as there may be are held', async () => {
    const all = Array.from({ length: MAX_OFFERED }, (_, index) => ({ ...VALUE, placeholder: `P${index}` }));
    const end = await offerValues(path, 'open', () => all);
    assert.equal(held.length, MAX_OFFERED);
    const gone = nextChange();
    end();
    await gone;
  });
});
