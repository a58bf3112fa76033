import type { IncomingMessage, ServerResponse } from 'node:http';
import {
  type AccountStatus,
  type ApprovalsPort,
  CHANNEL_CODES,
  ChannelRuntime,
  ChannelStore,
  type Notice,
  QuestionStore,
} from '../../channels/index.ts';
import type { ChannelAdapter } from '../../channels/types.ts';
import type { ChannelAccount } from '../../configuration/types.ts';
import type { PeerFacts } from '../../controls/auth/types.ts';
import { withoutCredentials } from '../../controls/secrets/index.ts';
import { type EgressClient, providerFetch } from '../../drivers/egress-client/index.ts';
import { asGatehouseError, type GatehouseError, type Logger } from '../../kernel/index.ts';
import type { Core } from '../core.ts';
import { afterwards, systemClock, systemRandom } from '../system.ts';
import { type Delivery, takeDelivery } from './webhook-deliveries.ts';

/** An adapter with what an operator wants to know of it. */
interface Running {
  readonly account: ChannelAccount;
  readonly adapter: ChannelAdapter & { readonly mode: string };
  readonly stop: AbortController;
  problem: GatehouseError | undefined;
  isStarted: boolean;
}

export interface ChannelsParts {
  readonly core: Core;
  readonly egress: EgressClient;
  readonly logger: Logger;
  readonly approvals: () => ApprovalsPort;
}

/** The chat channels of a gateway: started, followed through reloads, and stopped. Nothing loads without one. */
export class Channels {
  readonly #parts: ChannelsParts;
  readonly #running = new Map<string, Running>();
  #runtime: ChannelRuntime | undefined;

  constructor(parts: ChannelsParts) {
    this.#parts = parts;
  }

  /** Whether any account takes deliveries, so that their listener has to be open. */
  get takesDeliveries(): boolean {
    const { accounts } = this.#parts.core.config.current().channels;
    return accounts.some(({ channel, webhook }) => channel === 'webhook' || webhook !== undefined);
  }

  /** Take up what an earlier process left, then start every account of the configuration. */
  async start(): Promise<void> {
    const { accounts } = this.#parts.core.config.current().channels;
    if (accounts.length === 0) return;
    const runtime = this.#ensure();
    for (const account of accounts) await this.#prepare(account);
    await runtime.resume([...this.#running.values()].map(({ adapter }) => adapter));
    for (const one of this.#running.values()) await this.#begin(one, runtime);
  }

  /** Bring the accounts in line with the configuration that was just applied. */
  async follow(): Promise<void> {
    const { accounts } = this.#parts.core.config.current().channels;
    if (accounts.length === 0 && this.#running.size === 0) return;
    const wanted = new Map(accounts.map((account) => [JSON.stringify(account), account]));
    for (const [key, one] of this.#running) {
      if (wanted.has(key)) continue;
      one.stop.abort();
      await one.adapter.stop();
      this.#running.delete(key);
    }
    const fresh: Running[] = [];
    for (const [key, account] of wanted)
      if (!this.#running.has(key)) fresh.push(await this.#prepare(account));
    const runtime = this.#ensure();
    runtime.replace([...this.#running.values()].map(({ adapter }) => adapter));
    for (const one of fresh) await this.#begin(one, runtime);
  }

  async status(): Promise<readonly AccountStatus[]> {
    const runtime = this.#runtime;
    if (runtime === undefined) return [];
    return Promise.all(
      [...this.#running.values()].map(async ({ account, adapter, problem, isStarted }) => ({
        ...(await runtime.counts(account.channel, account.account)),
        mode: adapter.mode,
        state:
          problem !== undefined
            ? ('failing' as const)
            : isStarted
              ? ('connected' as const)
              : ('starting' as const),
        problem: problem === undefined ? null : `${problem.code}: ${problem.message}. ${problem.fix}`,
      })),
    );
  }

  /** A request on the webhooks listener. */
  readonly deliver = (request: IncomingMessage, response: ServerResponse, peer: PeerFacts): void => {
    const { core, egress, logger } = this.#parts;
    void takeDelivery({ auth: core.auth, secrets: egress, logger }, this.#deliveries(), {
      request,
      response,
      peer,
    });
  };

  /** Hand a message to the outbox. @throws CHANNEL_UNREACHABLE while the channels are not started */
  async notify(notice: Notice): Promise<void> {
    if (this.#runtime === undefined) throw CHANNEL_CODES.error('CHANNEL_UNREACHABLE');
    await this.#runtime.notify(notice);
  }

  /** How a message of the outbox ended. */
  outcome(id: string) {
    return new ChannelStore(this.#parts.core.db as never).outcome(id);
  }

  async close(): Promise<void> {
    for (const { stop, adapter } of this.#running.values()) {
      stop.abort();
      await adapter.stop();
    }
    await this.#runtime?.close();
  }

  #deliveries(): readonly Delivery[] {
    return [...this.#running.values()].flatMap(({ account, adapter }): Delivery[] => {
      if (account.channel === 'webhook')
        return [{ path: `/webhooks/${account.account}`, kind: 'signed', adapter: adapter as never }];
      const { webhook } = account;
      return webhook === undefined
        ? []
        : [{ path: webhook.path, kind: 'telegram', secret: webhook.verify, adapter: adapter as never }];
    });
  }

  #ensure(): ChannelRuntime {
    const { core, logger, approvals } = this.#parts;
    this.#runtime ??= new ChannelRuntime({
      store: new ChannelStore(core.db as never),
      questions: new QuestionStore(core.db as never),
      approvals: approvals(),
      senders: core.senders,
      turns: core.turns,
      ceiling: () => core.config.current().ceiling,
      ledger: core.ledger,
      alerts: core.alerts,
      clock: systemClock,
      random: systemRandom,
      logger,
      redact: withoutCredentials,
      setTimer: afterwards,
    });
    return this.#runtime;
  }

  async #prepare(account: ChannelAccount): Promise<Running> {
    const key = JSON.stringify(account);
    const one: Running = {
      account,
      adapter: await this.#adapterOf(account, (problem) => {
        one.problem = problem;
        one.isStarted = true;
      }),
      stop: new AbortController(),
      problem: undefined,
      isStarted: false,
    };
    this.#running.set(key, one);
    return one;
  }

  async #begin(one: Running, runtime: ChannelRuntime): Promise<void> {
    try {
      await one.adapter.start({ receive: (message) => runtime.receive(message) }, one.stop.signal);
      if (one.account.channel === 'webhook') one.isStarted = true;
    } catch (thrown) {
      one.problem = asGatehouseError(thrown);
    }
  }

  async #adapterOf(
    account: ChannelAccount,
    onState: (problem: GatehouseError | undefined) => void,
  ): Promise<Running['adapter']> {
    const { egress, logger, core } = this.#parts;
    const { TelegramAdapter, WebhookAdapter } = await import('../../channels/index.ts');
    const fetch = providerFetch(egress.providerSocket);
    if (account.channel === 'webhook') {
      const { callbackUrl, secret } = account;
      const callback = callbackUrl === undefined ? {} : { callbackUrl };
      return new WebhookAdapter({
        account: account.account,
        secret,
        ...callback,
        secrets: egress,
        fetch,
        clock: systemClock,
      });
    }
    const { apiRoot = '', secret, webhook } = account;
    return new TelegramAdapter({
      settings: {
        account: account.account,
        apiRoot,
        tokenPlaceholder: placeholder(secret),
        ...(webhook === undefined
          ? {}
          : { webhook: { url: webhook.url, secretPlaceholder: placeholder(webhook.secret) } }),
      },
      fetch,
      logger,
      onState: (problem) => {
        if (problem !== undefined)
          logger.warn('telegram fails', {
            account: account.account,
            code: problem.code,
            problem: problem.message,
            cause: String((problem.cause as Error | undefined)?.cause ?? problem.cause ?? ''),
          });
        onState(problem);
      },
      onMalformed: (reason) => {
        const data = { channel: 'telegram', account: account.account, reason };
        core.ledger
          .append({
            type: 'message',
            action: 'message.malformed',
            outcome: 'deny',
            code: 'CHANNEL_MESSAGE_MALFORMED',
            data,
          })
          .catch((cause: unknown) =>
            logger.error('a malformed update was not recorded', { cause: String(cause) }),
          );
      },
      pause,
    });
  }
}

/** What egress recognises in the target of a request; braces do not travel there as they are. */
function placeholder(secret: string): string {
  return `%7B%7Bsecret:${secret}%7D%7D`;
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, ms).unref();
    signal.addEventListener('abort', done, { once: true });
    if (signal.aborted) done();
  });
}
