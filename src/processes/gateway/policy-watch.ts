import { CONFIG_CODES } from '../../configuration/index.ts';
import type { ConfigService } from '../../configuration/types.ts';
import { watchFile } from '../../drivers/os/watch-file.ts';
import type { Alerts, Logger } from '../../kernel/index.ts';

export interface PolicyWatchParts {
  readonly config: ConfigService;
  readonly alerts: Alerts;
  readonly logger: Logger;
}

/** Read the configuration anew; what cannot be used changes nothing, and somebody hears of it (E2). */
export async function reloadAndTell(
  { config, alerts, logger }: PolicyWatchParts,
  author: string,
): Promise<void> {
  try {
    const { applied, refused, issues } = await config.reload(author);
    if (applied) logger.info('the configuration was read again and applied', { issues });
    if (!refused) return;
    logger.warn('the running configuration stays', { issues });
    const [first] = issues;
    const { code, fix } = CONFIG_CODES.error('CONFIG_INVALID');
    const place =
      first?.file === undefined ? '' : ` (${first.file}${first.line === undefined ? '' : `:${first.line}`})`;
    alerts.raise({
      rule: 'config.refused',
      code,
      severity: 'high',
      title: `a changed configuration was not applied, the old one stays: ${first?.message ?? 'not valid'}${place}`,
      fix: first?.fix ?? fix,
      data: { issues: issues.slice(0, 10).map(({ code: one, path, line }) => ({ code: one, path, line })) },
    });
  } catch (cause) {
    logger.error('the configuration could not be read again', { cause: String(cause) });
  }
}

/** Follow `policy/egress.yaml` without a restart. Returns how to stop. */
export function followPolicyFile(parts: PolicyWatchParts, path: string): () => void {
  return watchFile(path, () => void reloadAndTell(parts, 'policy/egress.yaml'));
}
