import type { Scope } from '../../../controls/auth/index.ts';
import type { AuthOptions } from './home.ts';

type Directory = NonNullable<AuthOptions['principals']>;
type Known = NonNullable<Awaited<ReturnType<Directory['find']>>>;
type Written = Partial<Omit<Known, 'id'>> & { readonly scopes: readonly Scope[] };

/** Principals by identity; each is named after the first word of its identity's last part. */
export function directory(identities: Readonly<Record<string, Readonly<Record<string, Written>>>>): {
  readonly principals: Directory;
  change(name: string, more: Partial<Known>): void;
} {
  const known = new Map<string, Known>();
  const byIdentity = new Map<string, string>();
  for (const [kind, values] of Object.entries(identities)) {
    for (const [value, written] of Object.entries(values)) {
      const name = written.name ?? /(\w+)(-\d+)?$/.exec(value)?.[1] ?? value;
      byIdentity.set(`${kind} ${value}`, name);
      const defaults = { agents: ['*'], addresses: [], expiresAt: null, disabledAt: null };
      known.set(name, { id: `principal:${name}`, ...defaults, ...written, name });
    }
  }
  const find = async (name: string) => known.get(name.replace(/^principal:/, ''));
  return {
    principals: {
      find,
      byIdentity: async (kind, value) => known.get(byIdentity.get(`${kind} ${value}`) ?? ''),
    },
    change(name, more) {
      const before = known.get(name);
      if (before !== undefined) known.set(name, { ...before, ...more });
    },
  };
}
