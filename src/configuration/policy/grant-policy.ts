import { GRANTABLE_KINDS, type GrantPolicy } from '../../controls/grants/index.ts';
import { matches } from '../../kernel/index.ts';
import type { Issues } from '../issues.ts';
import type { ConfigInput } from '../schema.ts';

/** `grantPolicy` with its defaults. A kind that is never granted by a command is an error, not a wish. */
export function readGrantPolicy(written: ConfigInput['grantPolicy'], issues: Issues): GrantPolicy {
  (written?.kinds ?? []).forEach((kind, index) => {
    if (GRANTABLE_KINDS.includes(kind)) return;
    issues.error(['grantPolicy', 'kinds', index], 'CONFIG_GRANT_INVALID', {
      message: `${kind} is never granted by a command; possible are ${GRANTABLE_KINDS.join(', ')}`,
    });
  });
  (written?.hosts ?? []).forEach((host, index) => {
    // What matches itself is a form that the kernel compares; `*` alone is what leaving the key out means.
    if (host !== '*' && matches('host', host, host.replace(/^\*\./, 'a.')) && host === host.toLowerCase())
      return;
    issues.error(['grantPolicy', 'hosts', index], 'CONFIG_GRANT_INVALID', {
      message: 'write a name in lower case, or `*.` and a name for exactly one label',
    });
  });
  const { enabled = true, twoPersons = false, maxHours = 168, kinds, hosts, breakglass } = written ?? {};
  return Object.freeze({
    enabled,
    twoPersons,
    maxHours,
    kinds: kinds ?? GRANTABLE_KINDS,
    ...(hosts === undefined ? {} : { hosts }),
    breakglass: { enabled: breakglass?.enabled ?? true, maxMinutes: breakglass?.maxMinutes ?? 30 },
  });
}
