import { asGatehouseError, type Subject } from '../../kernel/index.ts';
import { EGRESS_CODES } from './codes.ts';
import { dial } from './dial.ts';
import { judgeAuthority } from './host.ts';
import type { PoolParts } from './provider-pool.ts';
import { codedRefusal, recordClosed, recordDecision } from './record.ts';
import type { MailDestination, Target } from './types.ts';
import { secureUpstream } from './upstream-tls.ts';

/** Milliseconds that a mail server may be silent. */
const SMTP_IDLE_MS = 20_000;
/** Characters of a subject and of a text. */
const MAX_SUBJECT = 500;
const MAX_TEXT = 65_536;

/** What the gateway may say: nothing about who sends and who receives. */
export interface Mail {
  /** Becomes the Message-ID, so that a mail that came twice is known as one. */
  readonly id: string;
  readonly subject: string;
  readonly text: string;
}

export interface MailParts extends PoolParts {
  readonly secrets: {
    credential(name: string, place: string, target: Pick<Target, 'host' | 'port'>): string;
    redact(text: string): string;
  };
}

/** Mails to one destination in an hour: a gateway that was taken over fills nobody's mailbox. */
export const MAX_MAILS_PER_HOUR = 120;
const HOUR_MS = 3_600_000;

/** Counts what was sent where. Time is monotonic. */
export class MailPace {
  readonly #sent = new Map<string, number[]>();

  /** @throws EGRESS_MAIL_FAILED beyond the bound */
  take(name: string, now: number): void {
    const within = (this.#sent.get(name) ?? []).filter((at) => now - at < HOUR_MS);
    if (within.length >= MAX_MAILS_PER_HOUR)
      throw EGRESS_CODES.error(
        'EGRESS_MAIL_FAILED',
        `${name} had ${MAX_MAILS_PER_HOUR} mails within an hour`,
      );
    this.#sent.set(name, [...within, now]);
  }
}

const SUBJECT: Subject = { principal: 'gateway', tool: 'mail' };

/**
 * Send one mail by submission (RFC 6409). Host, sender and receivers come from the configuration that egress read by
 * itself, so that a gateway that was taken over cannot write to others; the connection is decided, resolved, checked,
 * pinned and recorded like every other.
 *
 * @throws EGRESS_MAIL_FAILED and egress's refusals
 */
export async function sendMail(parts: MailParts, to: MailDestination, mail: Mail): Promise<void> {
  const { gate, policyOf, secrets } = parts;
  const judged = judgeAuthority(to.host, to.port);
  if (!judged.ok) throw EGRESS_CODES.error(judged.code, judged.message);
  const { target } = judged;
  const passage = await gate.check(policyOf(), SUBJECT, target, 'provider');
  await recordDecision(gate.ledger, passage, 'provider', { mail: to.name });
  const started = performance.now();
  const { connectMs: timeoutMs } = gate.limits;
  const ca = parts.ca === undefined ? {} : { ca: parts.ca };
  const moved = { sent: 0, received: 0 };
  try {
    const password =
      to.password === null ? undefined : secrets.credential(to.password, 'smtp:password', target);
    const plain = await dial(passage, timeoutMs);
    const socket =
      to.tls === 'implicit'
        ? await secureUpstream(plain, target, passage.decision, { timeoutMs, ...ca })
        : plain;
    try {
      await submit(socket, to, password, await compose(to, mail), ca);
    } finally {
      moved.sent = plain.bytesWritten;
      moved.received = plain.bytesRead;
      socket.destroy();
    }
    void recordClosed(gate.ledger, passage, 'provider', {
      ...moved,
      ms: Math.round(performance.now() - started),
    });
  } catch (thrown) {
    const error = failureOf(thrown, target, secrets.redact);
    const ms = Math.round(performance.now() - started);
    void recordClosed(gate.ledger, passage, 'provider', { ...moved, ms, code: error.code });
    throw error;
  }
}

/** What a server answered may repeat what it was sent; nothing of that goes on unredacted. */
function failureOf(thrown: unknown, target: Target, redact: (text: string) => string) {
  const { responseCode, code } = thrown as { readonly responseCode?: unknown; readonly code?: unknown };
  const known = asGatehouseError(thrown);
  if (known === thrown) return known;
  const answer =
    typeof responseCode === 'number'
      ? `the server answered ${responseCode}`
      : redact(String(code ?? 'no answer'));
  return codedRefusal('EGRESS_MAIL_FAILED', target, undefined, `the mail was not taken: ${answer}`, thrown);
}

async function compose({ from, to }: MailDestination, { id, subject, text }: Mail): Promise<Buffer> {
  const { default: MimeNode } = await import('nodemailer/lib/mime-node');
  const domain = from.slice(from.indexOf('@') + 1);
  const node = new MimeNode('text/plain; charset=utf-8');
  node.setHeader({
    from,
    to: to.join(', '),
    subject: subject.slice(0, MAX_SUBJECT),
    'message-id': `<${id.replace(/[^A-Za-z0-9.-]/g, '.')}@${domain}>`,
    // RFC 3834: nobody's holiday answer comes back for it.
    'auto-submitted': 'auto-generated',
  });
  node.setContent(text.slice(0, MAX_TEXT));
  return node.build();
}

/** One transaction of one server. The library speaks the protocol; it neither resolves nor dials. */
async function submit(
  connection: import('node:net').Socket,
  { host, tls, from, to, username }: MailDestination,
  pass: string | undefined,
  bytes: Buffer,
  ca: { readonly ca?: string },
): Promise<void> {
  const { default: SMTPConnection } = await import('nodemailer/lib/smtp-connection');
  const { rootCertificates } = await import('node:tls');
  const smtp = new SMTPConnection({
    host,
    connection,
    secured: tls === 'implicit',
    secure: tls === 'implicit',
    ...(tls === 'starttls' ? { requireTLS: true } : {}),
    name: from.slice(from.indexOf('@') + 1),
    greetingTimeout: SMTP_IDLE_MS,
    socketTimeout: SMTP_IDLE_MS,
    tls: {
      servername: host,
      minVersion: 'TLSv1.2',
      rejectUnauthorized: true,
      ...(ca.ca === undefined ? {} : { ca: [...rootCertificates, ca.ca] }),
    },
  });
  try {
    await new Promise<void>((resolve, reject) => {
      const done = (error?: Error | null): void => (error ? reject(error) : resolve());
      smtp.on('error', reject);
      smtp.connect((error) => {
        if (error) return reject(error);
        const send = (): void => smtp.send({ from, to: [...to] }, bytes, done);
        if (username === null || pass === undefined) return send();
        smtp.login({ user: username, pass }, (refused) => (refused ? reject(refused) : send()));
      });
    });
    smtp.quit();
  } finally {
    smtp.close();
  }
}
