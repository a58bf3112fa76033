import type { TurnService } from '../../agents/types.ts';
import type { AuthService, ConnectGrant, PeerFacts } from '../../controls/auth/types.ts';
import type { ApprovalService } from '../../controls/execution/types.ts';
import type { Receiving } from '../../controls/listen/index.ts';
import type { Clock, LedgerEvent, Logger, Random } from '../../kernel/index.ts';
import type { Caller, Dispatcher } from '../../operations/define.ts';
import type { HelloFacts } from './connect.ts';
import type { WsLimits } from './limits.ts';

/** What the WebSocket surface is made of; passed in by `processes/`. */
export interface WsParts {
  readonly dispatcher: Dispatcher;
  readonly auth: Pick<AuthService, 'authenticateConnect' | 'onRevoked' | 'onDeviceRequest'> & {
    readonly browser?: Pick<AuthService['browser'], 'touch'>;
    /** Record a peer that was refused before anybody could authenticate. */
    recordRefusal(code: string, peer: PeerFacts): void;
  };
  /** For refusals of known callers that no operation sees. */
  readonly denials: { record(event: LedgerEvent): Promise<void> };
  readonly turns: Pick<TurnService, 'subscribe'>;
  readonly approvals: Pick<ApprovalService, 'subscribe'>;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly limits: WsLimits;
  /** The caller that a grant makes: rights of the granted scopes, space of the whole principal. */
  callerOf(grant: ConnectGrant, trace: string, published: boolean): Caller;
  /** Milliseconds that this principal has to wait, 0 for none; absent allows everything (L9). */
  readonly rate?: (principal: string) => number;
  /** What is being received over all surfaces; absent takes everything. */
  readonly receiving?: Receiving;
  hello(): Pick<HelloFacts, 'version' | 'uptimeMs' | 'defaultAgent' | 'methods' | 'events'>;
}
