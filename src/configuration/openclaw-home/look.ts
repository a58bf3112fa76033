import { isPlainObject } from '../objects.ts';
import { valueAt } from '../path.ts';

/** A configuration that nobody has validated: every look says what it expects and gets nothing otherwise. */
export class Look {
  readonly root: unknown;

  constructor(root: unknown) {
    this.root = root;
  }

  at(path: string): unknown {
    return valueAt(this.root, path.split('.'));
  }

  text(path: string): string | undefined {
    const value = this.at(path);
    return typeof value === 'string' ? value.trim() : undefined;
  }

  /** The text in lower case, or what stands for its absence. */
  word(path: string, absent: string): string {
    return this.text(path)?.toLowerCase() ?? absent;
  }

  is(path: string, value: boolean): boolean {
    return this.at(path) === value;
  }

  has(path: string): boolean {
    return this.at(path) !== undefined;
  }

  /** Texts of a list; numbers count as text, because ids are written either way. */
  list(path: string): readonly string[] {
    return texts(this.at(path));
  }

  keys(path: string): readonly string[] {
    const value = this.at(path);
    return isPlainObject(value) ? Object.keys(value) : [];
  }

  below(path: string): Look {
    return new Look(this.at(path) ?? {});
  }

  object(path: string): Readonly<Record<string, unknown>> {
    const value = this.at(path);
    return isPlainObject(value) ? value : {};
  }
}

export function texts(value: unknown): readonly string[] {
  if (!Array.isArray(value)) return [];
  return value.flatMap((item: unknown) =>
    typeof item === 'string' || typeof item === 'number' ? [String(item).trim()] : [],
  );
}

/** Agents of a configuration in either form, each with what holds for it. */
export function agentsOf(
  look: Look,
): readonly { readonly id: string; readonly path: string; readonly own: Look }[] {
  const entries = Object.entries(look.object('agents.entries')).map(([id, value]) => ({
    id,
    path: `agents.entries.${id}`,
    own: new Look(value),
  }));
  const listed = look.at('agents.list');
  const list = (Array.isArray(listed) ? listed : []).map((value: unknown, index) => {
    const own = new Look(value);
    return { id: own.text('id') ?? String(index), path: `agents.list[${index}]`, own };
  });
  return [...entries, ...list];
}

/** A reference and not the value itself, in any of OpenClaw's forms. */
export function isReference(value: unknown): boolean {
  if (isPlainObject(value)) return typeof value['source'] === 'string';
  return typeof value === 'string' && /^\$\{[A-Za-z_][A-Za-z0-9_]*\}$/.test(value.trim());
}

/** A credential that stands there in the clear. */
export function isPlainSecret(value: unknown): value is string {
  return typeof value === 'string' && value.trim() !== '' && !isReference(value);
}
