import { hostname } from 'node:os';
import type { AlertDestinationConfig, EffectiveConfig } from '../../configuration/types.ts';
import { createAlerting, type RunningAlerting } from '../../controls/alerting/index.ts';
import type { AlertMessage, AlertSender, AlertSent, AlertSettings } from '../../controls/alerting/types.ts';
import { alertSource } from '../../controls/trace/index.ts';
import { type EgressClient, providerFetch } from '../../drivers/egress-client/index.ts';
import { asGatehouseError, type Logger } from '../../kernel/index.ts';
import type { Core } from '../core.ts';
import { afterwards, systemClock } from '../system.ts';

const MINUTE_MS = 60_000;
const RUNBOOK = 'docs/operating/alerts.md';
const DEFAULTS = { repeatMinutes: 60, acknowledgedHours: 24, maxPerHour: 30 };

/** The outbox of the chat channels, as far as alerts use it. */
export interface AlertChat {
  notify(message: {
    readonly id: string;
    readonly channel: string;
    readonly account: string;
    readonly chat: string;
    readonly text: string;
  }): Promise<void>;
  outcome(id: string): Promise<{ readonly status: string; readonly reason: string | null } | undefined>;
}

export interface AlertingOptions {
  readonly core: Core;
  readonly egress: Pick<EgressClient, 'mac' | 'mail' | 'providerSocket'>;
  readonly chat: AlertChat;
  readonly logger: Logger;
}

/** Alerting over this home; only the gateway starts it. */
export function openAlerting(options: AlertingOptions): RunningAlerting {
  const { core, logger } = options;
  return createAlerting({
    db: core.db,
    source: alertSource(core.ledger),
    sender: createSender(options),
    settings: () => alertSettings(core.config.current()),
    ledger: core.ledger,
    alerts: core.alerts,
    clock: systemClock,
    logger,
    setTimer: afterwards,
  });
}

/** `alerts` of the configuration with every default in place. */
export function alertSettings({ config, alertDestinations }: EffectiveConfig): AlertSettings {
  const written = config.alerts ?? {};
  const { escalation, heartbeat } = written;
  return {
    install: written.install ?? hostname(),
    runbook: written.runbook ?? RUNBOOK,
    repeatMs: (written.repeatMinutes ?? DEFAULTS.repeatMinutes) * MINUTE_MS,
    acknowledgedMs: (written.acknowledgedHours ?? DEFAULTS.acknowledgedHours) * 60 * MINUTE_MS,
    perHour: written.maxPerHour ?? DEFAULTS.maxPerHour,
    escalation:
      escalation === undefined
        ? undefined
        : {
            afterMs: escalation.afterMinutes * MINUTE_MS,
            to: escalation.to,
            severities: escalation.severities ?? ['critical'],
          },
    heartbeat:
      heartbeat === undefined ? undefined : { everyMs: heartbeat.everyMinutes * MINUTE_MS, to: heartbeat.to },
    destinations: alertDestinations,
  };
}

/** The three ways out. All of them go through egress, which holds what they prove themselves with. */
function createSender({ core, egress, chat }: AlertingOptions): AlertSender {
  const fetch = providerFetch(egress.providerSocket);
  const find = (name: string) => core.config.current().alertDestinations.find((one) => one.name === name);
  const chatId = (id: string) => `alert:${id}`;

  async function post(
    { url, secret, authorization }: Extract<AlertDestinationConfig, { type: 'webhook' }>,
    message: AlertMessage,
    signal: AbortSignal,
  ): Promise<AlertSent> {
    const timestamp = String(Math.floor(systemClock.now() / 1_000));
    const { id, kind, severity, subject, text, body: data } = message;
    const type = kind === 'alert' ? 'alert.raised' : `alert.${kind}`;
    const body = Buffer.from(
      JSON.stringify({
        type,
        timestamp: new Date(Number(timestamp) * 1_000).toISOString(),
        data: { ...data, severity, subject, text },
      }),
    );
    // Standard Webhooks 1.0: id, timestamp and body are signed; the secret stays in egress.
    const signed = Buffer.concat([Buffer.from(`${id}.${timestamp}.`), body]);
    const answer = await fetch(url, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        'webhook-id': id,
        'webhook-timestamp': timestamp,
        ...(secret === null ? {} : { 'webhook-signature': `v1,${await egress.mac(secret, signed)}` }),
        ...(authorization === null ? {} : { authorization: `Bearer {{secret:${authorization}}}` }),
      },
      body,
      signal,
    });
    await answer.body?.cancel();
    if (answer.status >= 200 && answer.status < 300) return { status: 'sent' };
    const reason = `it answered ${answer.status}`;
    // Whoever answers 4xx may do so because of a mistake that somebody will correct within the day.
    return { status: 'retry', reason };
  }

  return {
    async send(name, message, signal): Promise<AlertSent> {
      const to = find(name);
      if (to === undefined) return { status: 'failed', reason: 'the destination is no longer configured' };
      try {
        if (to.type === 'webhook') return await post(to, message, signal);
        if (to.type === 'mail') {
          await egress.mail(name, { id: message.id, subject: message.subject, text: message.text });
          return { status: 'sent' };
        }
        const id = chatId(message.attempt ?? message.id);
        const text = `${message.subject}\n\n${message.text}`;
        await chat.notify({ id, channel: to.channel, account: to.account, chat: to.chat, text });
        return { status: 'handed' };
      } catch (thrown) {
        if (signal.aborted) return { status: 'retry', reason: 'no answer in time' };
        const { code, message: reason } = asGatehouseError(thrown);
        return { status: 'retry', reason: `${code}: ${reason}` };
      }
    },
    async ended(name, id): Promise<AlertSent | undefined> {
      const outcome = find(name)?.type === 'chat' ? await chat.outcome(chatId(id)) : undefined;
      if (outcome === undefined) return undefined;
      const { status, reason } = outcome;
      if (status === 'sent') return { status: 'sent' };
      if (status === 'pending' || status === 'sending') return { status: 'handed' };
      return { status: 'retry', reason: reason ?? status };
    },
  };
}
