/** One event frame to be, with what a connection needs to receive it. */
export interface OutgoingEvent {
  readonly event: string;
  readonly payload: Readonly<Record<string, unknown>>;
  readonly scope: string;
  /** Needs this capability (protocol a.8). */
  readonly capability?: string;
  /** `sessions`: only to subscribers of the list; `messages`: only to subscribers of this session. */
  readonly audience?: 'sessions' | 'messages';
  readonly sessionKey?: string;
  readonly runId?: string;
}
