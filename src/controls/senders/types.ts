import type { Authority, TaintLabel } from '../../kernel/index.ts';

export type DmPolicy = 'pairing' | 'allowlist' | 'open' | 'disabled';
export type GroupPolicy = 'allowlist' | 'open' | 'disabled';

/** What a channel knows of one message besides its text. Filled by the adapter from the platform's own envelope. */
export interface InboundFacts {
  /** Platform, for example `telegram`. */
  readonly channel: string;
  /** Account of the platform in the configuration; `default` when it has only one. */
  readonly account: string;
  /** Stable id of who wrote; the only thing that authorises (S4). */
  readonly sender: string;
  /** For people's eyes; never compared. */
  readonly displayName: string;
  readonly chat: { readonly kind: 'direct' | 'group'; readonly id: string };
  /** Whether the platform says that the agent itself is addressed: a mention or a reply to it. */
  readonly mentioned: boolean;
}

/** One line of `bindings`, checked. */
export interface AgentBinding {
  readonly agent: string;
  readonly channel: string;
  readonly account?: string;
  readonly peer?: { readonly kind: 'direct' | 'group'; readonly id: string };
}

/** What happens to a message before anything else does (S1, S3). */
export type Admission =
  | {
      readonly effect: 'admit';
      readonly rule: string;
      readonly agent: string;
      /** Session space and canonical key: one per channel, account and peer or group (S5). */
      readonly space: string;
      readonly sessionKey: string;
      /** `sender:<channel>:<account>:<id>`; the principal of everything that this message causes. */
      readonly principal: string;
      /** The sender's own rights, to be narrowed by the agent's and the session's. */
      readonly authority: Authority;
      readonly taint: readonly TaintLabel[];
    }
  /** In a group, by or to nobody who counts: kept for the next admitted message, labelled, and never answered. */
  | {
      readonly effect: 'context';
      readonly code: string;
      readonly rule: string;
      readonly space: string;
      readonly sessionKey: string;
    }
  /** Unknown, and the policy is pairing. `reply` is what the stranger is told, at most once per pending code. */
  | {
      readonly effect: 'pair';
      readonly code: string;
      readonly rule: string;
      readonly reply: string | null;
    }
  | { readonly effect: 'refuse'; readonly code: string; readonly rule: string; readonly reason: string };

export interface PendingPairing {
  /** 8 characters without look-alikes. */
  readonly code: string;
  readonly channel: string;
  readonly account: string;
  readonly sender: string;
  readonly displayName: string;
  /** Unix milliseconds. */
  readonly createdAt: number;
  readonly expiresAt: number;
}

export interface SenderRecord {
  readonly channel: string;
  readonly account: string;
  readonly sender: string;
  readonly displayName: string;
  readonly status: 'allowed' | 'blocked';
  /** Where it comes from: the configuration, a pairing, or `senders allow|block`. */
  readonly source: 'configuration' | 'pairing' | 'operator';
  readonly by: string;
  readonly at: number;
}

export interface SenderKey {
  readonly channel: string;
  readonly account: string;
  readonly sender: string;
}

/** Who may talk to an agent. Every admission is decided by the kernel and is in the ledger before it counts. */
export interface SenderService {
  admit(facts: InboundFacts, trace: string): Promise<Admission>;
  pendingPairings(channel?: string): Promise<readonly PendingPairing[]>;
  approvePairing(code: string, by: string): Promise<SenderRecord>;
  denyPairing(code: string, by: string): Promise<PendingPairing>;
  list(channel?: string): Promise<readonly SenderRecord[]>;
  allow(key: SenderKey, by: string): Promise<SenderRecord>;
  block(key: SenderKey, by: string): Promise<SenderRecord>;
  /** Know nothing of this sender any more: neither let in nor put out, and no code that waits. */
  forget(key: SenderKey): Promise<void>;
  /** The sender with its stable id. @throws SENDERS_CHANNEL_UNKNOWN, SENDERS_ID_INVALID */
  checkKey(key: SenderKey): SenderKey;
  /** Whether a direct message of this sender would be let in now; nothing is recorded. */
  stands(key: SenderKey): Promise<boolean>;
  /** Told when somebody who was admitted no longer is; what they started must end within a second. */
  onBlocked(listener: (principal: string) => void): () => void;
  /** Told of each new code, so that an operator can be asked. */
  onPairingRequest(listener: (pending: PendingPairing) => void): () => void;
}
