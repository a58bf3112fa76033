import type { AlertingService } from '../../../controls/alerting/types.ts';
import type { ListenerCertificate } from '../../../controls/listen/index.ts';
import type { VerifyReport } from '../../../controls/trace/types.ts';
import type { Clock, Egress } from '../../../kernel/index.ts';
import type { ChannelsService, RuntimeService } from '../../../operations/services.ts';
import type { Core } from '../../core.ts';

export interface MetricParts {
  readonly core: Core;
  readonly runtime: RuntimeService;
  readonly egress: Egress;
  readonly alerting: Pick<AlertingService, 'open' | 'destinations'>;
  readonly channels: ChannelsService;
  readonly certificates: () => readonly ListenerCertificate[];
  readonly proof: { last(): { readonly ok: VerifyReport['ok']; readonly ageMs: number } | undefined };
  readonly spansDropped: () => number;
  readonly clock: Clock;
}
