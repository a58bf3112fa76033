import type { Alert } from '../../kernel/index.ts';

export const ALERT_SEVERITIES = ['critical', 'high', 'warning'] as const;
export type AlertSeverity = (typeof ALERT_SEVERITIES)[number];

/** An alert as the ledger holds it, with its place there. */
export interface StoredAlert extends Omit<Alert, 'key'> {
  readonly writer: string;
  readonly seq: number;
  /** Unix milliseconds. */
  readonly at: number;
  /** How often the same was raised after the one before it and not told. */
  readonly repeats: number;
  readonly key?: string;
}

/** The ledger, as far as alerts are concerned. Positions only grow, over all writers. */
export interface AlertSource {
  /** Where the newest record stands. */
  position(): Promise<number>;
  /** Alerts behind a position in the order of writing, and where to go on. */
  after(
    position: number,
    limit: number,
  ): Promise<{ readonly alerts: readonly StoredAlert[]; readonly position: number }>;
  find(writer: string, seq: number): Promise<StoredAlert | undefined>;
}

/** Where alerts go, as far as the engine knows it; how is the sender's business. */
export interface AlertDestination {
  readonly name: string;
  readonly type: 'webhook' | 'chat' | 'mail';
  readonly severities: readonly AlertSeverity[];
  /** Also alerts that drills provoke on purpose. */
  readonly drills: boolean;
}

export interface AlertSettings {
  /** How this install is named in messages. */
  readonly install: string;
  /** Where the runbook page is; sections are appended. */
  readonly runbook: string;
  readonly repeatMs: number;
  readonly acknowledgedMs: number;
  /** Messages of one destination in an hour; critical ones are counted apart. */
  readonly perHour: number;
  readonly escalation:
    | {
        readonly afterMs: number;
        readonly to: readonly string[];
        readonly severities: readonly AlertSeverity[];
      }
    | undefined;
  readonly heartbeat: { readonly everyMs: number; readonly to: readonly string[] } | undefined;
  readonly destinations: readonly AlertDestination[];
}

/** Why a message is sent. */
export const MESSAGE_KINDS = ['alert', 'escalation', 'digest', 'heartbeat', 'test'] as const;
export type MessageKind = (typeof MESSAGE_KINDS)[number];

/** What a person gets. */
export interface AlertMessage {
  /** The same over every attempt, so that a receiver can drop what it has. */
  readonly id: string;
  /** The same with the number of the attempt, for queues that know a message by its id. */
  readonly attempt?: string;
  readonly kind: MessageKind;
  readonly severity: AlertSeverity;
  readonly subject: string;
  readonly text: string;
  /** The same for programs. */
  readonly body: Readonly<Record<string, unknown>>;
}

export type AlertSent =
  | { readonly status: 'sent' }
  /** In a queue that is as durable as this one, which says later how it ended. */
  | { readonly status: 'handed' }
  | { readonly status: 'retry'; readonly reason: string }
  | { readonly status: 'failed'; readonly reason: string };

/** One way to reach somebody. Never throws: what goes wrong is an answer. */
export interface AlertSender {
  send(destination: string, message: AlertMessage, signal: AbortSignal): Promise<AlertSent>;
  /** What is known of a message that was handed over; undefined when it never was. */
  ended(destination: string, id: string): Promise<AlertSent | undefined>;
}

/** What became of one alert. */
export const ALERT_STATES = [
  'told',
  'repeated',
  'acknowledged',
  'silenced',
  'drill',
  'unwanted',
  'new',
] as const;
export type AlertState = (typeof ALERT_STATES)[number];

export interface AlertDelivery {
  readonly id: string;
  readonly destination: string;
  readonly kind: MessageKind;
  readonly status: 'pending' | 'handed' | 'held' | 'sent' | 'failed';
  readonly attempts: number;
  readonly createdAt: number;
  readonly endedAt: number | null;
  readonly reason: string | null;
}

export interface AlertDetails {
  readonly alert: StoredAlert;
  readonly state: AlertState;
  readonly acknowledged: { readonly by: string; readonly at: number; readonly note: string } | null;
  /** How often this has been raised since it was first seen, over all its alerts. */
  readonly count: number;
  readonly deliveries: readonly AlertDelivery[];
  readonly message: string;
}

export interface AlertSilence {
  readonly id: number;
  readonly rule: string;
  readonly by: string;
  readonly ticket: string;
  readonly reason: string;
  readonly createdAt: number;
  readonly until: number;
}

export interface DestinationStatus {
  readonly name: string;
  readonly type: AlertDestination['type'];
  readonly severities: readonly AlertSeverity[];
  readonly waiting: number;
  readonly held: number;
  readonly failed: number;
  readonly lastSentAt: number | null;
  /** Why the last attempt did not work; null after one that did. */
  readonly problem: string | null;
}

/** Tells people, and knows whom it told what. */
export interface AlertingService {
  /** State of each of these alerts. */
  states(
    alerts: readonly { readonly writer: string; readonly seq: number }[],
  ): Promise<ReadonlyMap<string, AlertState>>;
  /** @throws ALERTING_UNKNOWN */
  show(id: string): Promise<AlertDetails>;
  /** @throws ALERTING_UNKNOWN */
  acknowledge(id: string, by: string, note: string): Promise<AlertDetails>;
  silence(silence: Omit<AlertSilence, 'id' | 'createdAt'>): Promise<AlertSilence>;
  /** @throws ALERTING_UNKNOWN */
  unsilence(id: number, by: string): Promise<AlertSilence>;
  silences(): Promise<readonly AlertSilence[]>;
  /** Send a message to each of these destinations now, or to all. @throws ALERTING_NO_DESTINATION */
  test(
    destinations: readonly string[],
    by: string,
  ): Promise<readonly { readonly destination: string; readonly sent: boolean; readonly reason: string }[]>;
  destinations(): Promise<readonly DestinationStatus[]>;
  /** Alerts that were told and that nobody has acknowledged. */
  open(): Promise<number>;
}
