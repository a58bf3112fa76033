import type { Finding } from '../../kernel/index.ts';
import { auditChannels } from './audit-channels.ts';
import { auditContent } from './audit-content.ts';
import { auditFiles } from './audit-files.ts';
import { auditGateway } from './audit-gateway.ts';
import { auditTools } from './audit-tools.ts';
import type { OpenClawHome } from './home.ts';
import { Look } from './look.ts';

/**
 * Everything that is wrong with an OpenClaw home, under OpenClaw's own check ids where it has one and under
 * `gatehouse.*` otherwise. Pure: the home was read before, and no value of a secret is in a finding.
 */
export function auditOpenClaw(home: OpenClawHome): readonly Finding[] {
  const look = new Look(home.raw);
  return [
    ...auditFiles(home),
    ...auditGateway(look),
    ...auditChannels(look),
    ...auditTools(look),
    ...auditContent(look, home),
  ];
}
