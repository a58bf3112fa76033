import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { type AlertReceiver, startAlertReceiver } from '../fixtures/alert-receiver.ts';
import { type Authority, certificateAuthority } from '../fixtures/certificates.ts';
import { startGateway, type TestGateway, temporaryHome } from '../fixtures/gateway.ts';
import { call } from '../fixtures/http.ts';
import { memoryHolds } from '../fixtures/memory.ts';
import { operate, records, until } from '../fixtures/operator.ts';
import { removeHome } from '../fixtures/processes.ts';
import { type SmtpServer, startSmtp } from '../fixtures/smtp-server.ts';
import { startTelegram, type TelegramServer } from '../fixtures/telegram-bot-api.ts';

const BOT = '110201543:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw';
const HOOK = `whsec_${Buffer.from('a key that alerts are signed with').toString('base64')}`;
const PASSWORD = 'mail-Passw0rd-of-the-alerts-account';
const BEARER = 'bearer-for-the-pager-8d1f0c';
const OPERATOR = '4242';
const SELF = ['127.0.0.0/8', '::1/128'];
const WHY = { ticket: 'OPS-1', reason: 'tests' };

let home: string;
let gateway: TestGateway;
let hook: AlertReceiver;
let mail: SmtpServer;
let upgraded: SmtpServer;
let telegram: TelegramServer;
let authority: Authority;

interface Details {
  readonly state: string;
  readonly acknowledged: { readonly by: string } | null;
  readonly deliveries: readonly {
    readonly destination: string;
    readonly status: string;
    readonly kind: string;
  }[];
}

function config(more: object = {}) {
  const mailbox = { type: 'mail', host: 'localhost', networks: SELF, from: 'gatehouse@example.org' };
  return {
    channels: {
      telegram: { botToken: '${BOT_TOKEN}', apiRoot: telegram.url, networks: SELF, allowFrom: [OPERATOR] },
    },
    alerts: {
      install: 'test bench',
      destinations: {
        pager: {
          type: 'webhook',
          url: hook.url,
          secret: '${HOOK_SECRET}',
          authorization: '${PAGER_TOKEN}',
          networks: SELF,
          drills: true,
        },
        ops: { type: 'chat', channel: 'telegram', chat: OPERATOR, severities: ['critical', 'high'] },
        mailbox: {
          ...mailbox,
          port: mail.port,
          to: ['oncall@example.org', 'lead@example.org'],
          username: 'alerts',
          password: '${MAIL_PASSWORD}',
          severities: ['critical'],
        },
        second: {
          ...mailbox,
          port: upgraded.port,
          tls: 'starttls',
          to: ['second@example.org'],
          severities: ['critical'],
        },
      },
      ...more,
    },
  };
}

const env = () => ({
  BOT_TOKEN: BOT,
  HOOK_SECRET: HOOK,
  PAGER_TOKEN: BEARER,
  MAIL_PASSWORD: PASSWORD,
  NODE_EXTRA_CA_CERTS: authority.caFile,
});

/** Something that is critical, at once and only once for each name. */
async function breakglass(host: string): Promise<void> {
  const input = { kind: 'net.connect', match: [`host=${host}`, 'port=443'], forMs: 600_000, ...WHY };
  const { ok, error } = await operate(home, 'grant.breakglass', input);
  assert.ok(ok, error?.message);
}

const told = (title: string) => hook.received.filter(({ data }) => String(data['title']).includes(title));

async function alertOf(rule: string, title: string): Promise<string> {
  const { alerts } = (await operate(home, 'alerts.list', { rule })).result as {
    alerts: { id: string; title: string }[];
  };
  return alerts.find((alert) => alert.title.includes(title))?.id ?? '';
}

const show = async (id: string) => (await operate(home, 'alerts.show', { id })).result as unknown as Details;

before(async () => {
  authority = certificateAuthority();
  const certificate = authority.issue('localhost', 'server');
  [hook, mail, upgraded, telegram] = await Promise.all([
    startAlertReceiver(HOOK),
    startSmtp(certificate, 'implicit'),
    startSmtp(certificate, 'starttls'),
    startTelegram(BOT),
  ]);
  home = temporaryHome();
  gateway = await startGateway({ home, config: config(), env: env() });
});

after(async () => {
  await gateway?.stop();
  for (const one of [hook, mail, upgraded, telegram]) await one?.[Symbol.asyncDispose]();
  authority?.[Symbol.dispose]();
  await removeHome(home);
});

describe('telling people of alerts', () => {
  test('a critical alert reaches webhook, chat and mail, each with what happened, where, what to do and the runbook', async () => {
    await breakglass('one.example.org');
    await until(() => told('one.example.org').length > 0, 'the webhook heard nothing');
    await until(() => mail.mails.length > 0 && upgraded.mails.length > 0, 'no mail came');
    await until(
      () => telegram.sent.some(({ chatId, text }) => chatId === OPERATOR && text.includes('one.example.org')),
      'the chat heard nothing',
    );
    const [alert] = told('one.example.org');
    assert.ok(alert);
    assert.equal(alert.genuine, true);
    assert.equal(alert.authorization, `Bearer ${BEARER}`);
    assert.equal(alert.type, 'alert.raised');
    assert.equal(alert.data.rule, 'grant.breakglass');
    assert.equal(alert.data['install'], 'test bench');
    for (const text of [
      String(alert.data.text),
      telegram.sent.at(-1)?.text ?? '',
      mail.mails[0]?.text.replaceAll('=\n', '') ?? '',
    ]) {
      assert.match(text, /What happened: .*one\.example\.org/);
      assert.match(text, /Where: +test bench, process gateway/);
      assert.match(text, /What to do: +\S/);
      assert.match(text, /First command: gatehouse grant list/);
      assert.match(text, /Runbook: +docs\/operating\/alerts\.md#grantbreakglass/);
      assert.match(text, /gatehouse alerts ack gateway:\d+/);
    }
    assert.deepEqual(mail.mails[0]?.to, ['oncall@example.org', 'lead@example.org']);
    assert.deepEqual([mail.mails[0]?.user, mail.mails[0]?.password], ['alerts', PASSWORD]);
    assert.deepEqual([upgraded.mails[0]?.encrypted, upgraded.inTheClear().includes('MAIL')], [true, false]);
    const { deliveries } = await show(await alertOf('grant.breakglass', 'one.example.org'));
    await until(async () => {
      const now = (await show(await alertOf('grant.breakglass', 'one.example.org'))).deliveries;
      return now.every(({ status }) => status === 'sent');
    }, 'a delivery is not marked as sent');
    assert.equal(deliveries.length, 4);
  });

  test('secrets of destinations are in egress alone, and each way out is a rule of class telemetry', async () => {
    assert.deepEqual(memoryHolds(gateway.pid, [BOT, PASSWORD, BEARER, HOOK.slice(6)]), []);
    const everything = JSON.stringify(await records(home, {}));
    for (const secret of [BOT, PASSWORD, BEARER, HOOK]) assert.equal(everything.includes(secret), false);
    const connects = await records(home, { type: 'egress', action: 'net.connect' });
    const rules = connects.filter(({ data }) => data?.['class'] === 'telemetry').map(({ rule }) => rule);
    for (const name of ['pager', 'mailbox', 'second'])
      assert.ok(
        rules.some((rule) => rule?.endsWith(`alert:${name}`)),
        `${name}: ${rules.join()}`,
      );
  });

  test('alerts test says for each destination whether it arrived', async () => {
    mail.refuseNext('550 5.7.1 no such sender, password was mail-Passw0rd-of-the-alerts-account');
    const { results } = (await operate(home, 'alerts.test')).result as {
      results: { destination: string; sent: boolean; reason: string }[];
    };
    const sent = Object.fromEntries(results.map((one) => [one.destination, one.sent]));
    assert.deepEqual(sent, { pager: true, ops: true, mailbox: false, second: true });
    const reason = results.find(({ destination }) => destination === 'mailbox')?.reason ?? '';
    assert.match(reason, /EGRESS_MAIL_FAILED.*550/);
    assert.equal(reason.includes(PASSWORD), false);
    assert.ok(hook.received.some(({ type }) => type === 'alert.test'));
    const unknown = await operate(home, 'alerts.test', { destination: 'nobody' });
    assert.equal(unknown.error.code, 'ALERTING_NO_DESTINATION');
  });

  test('kill -9 while a destination is down loses nothing, and nothing that arrived is told again', async () => {
    hook.answer(0);
    await breakglass('two.example.org');
    await until(() => mail.mails.some(({ text }) => text.includes('two.example.org')), 'no mail came');
    await until(async () => {
      const { deliveries } = await show(await alertOf('grant.breakglass', 'two.example.org'));
      return deliveries.filter(({ status }) => status === 'sent').length === 3;
    }, 'the others were not told');
    const mailsBefore = mail.mails.length;
    await gateway.kill();
    hook.answer(204);
    gateway = await startGateway({ home, env: env() });
    await until(() => told('two.example.org').length > 0, 'the alert was lost');
    await until(async () => {
      const { deliveries } = await show(await alertOf('grant.breakglass', 'two.example.org'));
      return deliveries.every(({ status }) => status === 'sent');
    }, 'it is not marked as sent');
    assert.equal(told('two.example.org').length, 1);
    assert.equal(mail.mails.filter(({ text }) => text.includes('two.example.org')).length, 1);
    assert.equal(mail.mails.length, mailsBefore);
    assert.equal(told('one.example.org').length, 1);
  });

  test('an alert of the egress process is told as well', async () => {
    const { grant } = (
      await operate(home, 'egress.allow', { destination: 'three.example.org:443', forMs: 60_000, ...WHY })
    ).result as { grant: { id: string } };
    const { DatabaseSync } = await import('node:sqlite');
    const state = new DatabaseSync(`${home}/state/state.db`, { timeout: 5_000 });
    state
      .prepare('UPDATE grants SET match = ? WHERE id = ?')
      .run(JSON.stringify({ host: ['evil.example.org'], port: ['443'] }), grant.id);
    state.close();
    await operate(home, 'egress.allow', { destination: 'four.example.org:443', forMs: 60_000, ...WHY });
    await until(
      () => hook.received.some(({ data }) => String(data['id']).startsWith('egress:')),
      'nobody was told',
    );
    const found = hook.received.find(({ data }) => String(data['id']).startsWith('egress:'));
    assert.equal(found?.data.rule, 'grant.not-honoured');
  });

  test('the same again is not told, what is acknowledged stays quiet, and it is on record', async () => {
    const spike = async () => {
      for (let n = 0; n < 25; n++) {
        await call(`${gateway.url}/v1/models`, { token: 'nonsense' });
      }
    };
    await spike();
    await until(() => hook.received.some(({ data }) => data.rule === 'auth.spike'), 'no alert came');
    const id = String(hook.received.find(({ data }) => data.rule === 'auth.spike')?.data['id']);
    const acked = (await operate(home, 'alerts.ack', { id, note: 'mine' })).result as unknown as Details;
    assert.equal(acked.state, 'acknowledged');
    assert.equal(acked.acknowledged?.by, 'local');
    const changes = await records(home, { type: 'change', action: 'alerts.ack' });
    assert.ok(changes.length > 0);
    const missing = await operate(home, 'alerts.ack', { id: 'gateway:999999' });
    assert.equal(missing.error.code, 'ALERTING_UNKNOWN');
    assert.equal((await operate(home, 'alerts.show', { id: "gateway:1' or 1=1" })).ok, false);
  });

  test('a silence is told to everybody, holds back the rule, and ends by command', async () => {
    const input = { rule: 'grant.breakglass', forMs: 600_000, ...WHY };
    const { silence } = (await operate(home, 'alerts.silence', input)).result as { silence: { id: number } };
    await until(() => hook.received.some(({ data }) => data.rule === 'alerts.silenced'), 'nobody was told');
    await breakglass('five.example.org');
    await until(async () => {
      const id = await alertOf('grant.breakglass', 'five.example.org');
      return id !== '' && (await show(id)).state === 'silenced';
    }, 'it is not silenced');
    assert.equal(told('five.example.org').length, 0);
    assert.ok((await operate(home, 'alerts.unsilence', { id: silence.id })).ok);
    await breakglass('six.example.org');
    await until(() => told('six.example.org').length > 0, 'the rule stayed silent');
    const never = await operate(home, 'alerts.silence', { ...input, rule: 'alerts.silenced' });
    assert.equal(never.ok, false);
    assert.equal((await operate(home, 'alerts.silence', { ...input, forMs: 8 * 86_400_000 })).ok, false);
  });

  test('the drill says that somebody is told, and fails when the destination takes nothing', async () => {
    const drill = async () => {
      const { ok, result, error } = await operate(home, 'drill.run', {
        names: ['alerting.somebody-is-told'],
      });
      assert.ok(ok, error?.message);
      return (result as unknown as { results: { status: string; why: string }[] }).results[0];
    };
    const passed = await drill();
    assert.equal(passed?.status, 'passed', passed?.why);
    const told = hook.received.filter(({ data }) => data['drill'] !== undefined);
    assert.ok(told.length > 0);
    assert.match(String(told[0]?.data['subject'] ?? told[0]?.data.text), /drill/);
    assert.equal(
      telegram.sent.some(({ text }) => text.includes('[drill]')),
      false,
    );
    hook.answer(500);
    const failed = await drill();
    hook.answer(204);
    assert.equal(failed?.status, 'failed');
    assert.match(failed?.why ?? '', /pager has not confirmed the alert/);
  });

  test('configuration/destinations that could reach nobody: refused', async () => {
    const destinations = config().alerts.destinations;
    for (const wrong of [
      { destinations: { a: { type: 'webhook', url: 'https://example.org/x' } } },
      { destinations: { a: { type: 'webhook', url: 'http://example.org/x', secret: '${HOOK_SECRET}' } } },
      { destinations: { a: { type: 'chat', channel: 'telegram', account: 'none', chat: '1' } } },
      { destinations: { a: { ...destinations.mailbox, from: 'x@y\r\nBcc: z@y' } } },
      { destinations: { a: { ...destinations.mailbox, username: undefined } } },
      { destinations: { a: { ...destinations.mailbox, host: 'localhost:25' } } },
      { destinations, escalation: { afterMinutes: 5, to: ['pagers'] } },
    ]) {
      const text = JSON.stringify({ ...config(), alerts: wrong });
      const { result } = await operate(home, 'config.validate', { text });
      assert.equal(result['ok'], false, text);
    }
  });
});
