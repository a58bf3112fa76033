import type { TurnService } from '../../agents/types.ts';
import type { AuthService, ConnectGrant } from '../../controls/auth/types.ts';
import type { ApprovalService } from '../../controls/execution/types.ts';
import type { Clock, Logger, Random } from '../../kernel/index.ts';
import type { Caller, Dispatcher } from '../../operations/define.ts';
import type { HelloFacts } from './connect.ts';
import type { WsLimits } from './limits.ts';

/** What the WebSocket surface is made of; passed in by `processes/`. */
export interface WsParts {
  readonly dispatcher: Dispatcher;
  readonly auth: Pick<AuthService, 'authenticateConnect' | 'onRevoked' | 'onDeviceRequest'>;
  readonly turns: Pick<TurnService, 'subscribe'>;
  readonly approvals: Pick<ApprovalService, 'subscribe'>;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly limits: WsLimits;
  /** The caller that a grant makes: rights of the granted scopes, space of the whole principal. */
  callerOf(grant: ConnectGrant, trace: string): Caller;
  hello(): Pick<HelloFacts, 'version' | 'uptimeMs' | 'defaultAgent' | 'methods' | 'events'>;
}
