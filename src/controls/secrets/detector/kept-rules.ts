import type { Credential } from './types.ts';

/** The part of secretlint's rule interface that is used: rules are called directly, without its own loader. */
interface KeptRule {
  readonly meta: { readonly id: string };
  create(context: RuleContext, options: object): { file?(source: Source): unknown };
}

interface Source {
  readonly content: string;
  readonly filePath: string;
  readonly ext: string;
  readonly contentType: 'text';
}

interface RuleContext {
  readonly sharedOptions: object;
  createTranslator(
    messages: unknown,
  ): (key: string) => { readonly message: string; readonly messageId: string };
  report(descriptor: { readonly range: readonly [number, number] }): void;
  ignore(): void;
}

/**
 * `filter-comments` lets a text say about itself that it holds no credential: a hostile one would. The others report
 * another place than the value's (a whole key block, a whole URL), and our own rules find the same.
 */
const LEFT_OUT: ReadonlySet<string> = new Set(
  ['filter-comments', 'npm', 'privatekey', 'basicauth', 'database-connection-string'].map(
    (name) => `@secretlint/secretlint-rule-${name}`,
  ),
);

type Find = (text: string, path: string) => readonly Credential[];

/** Load secretlint's recommended rules: 230 KB of one module, 10 MB resident once loaded. */
export async function loadKeptRules(): Promise<Find> {
  const preset: unknown = await import('@secretlint/secretlint-rule-preset-recommend');
  const { rules } = preset as { readonly rules: readonly KeptRule[] };
  let found: Credential[] = [];
  const handlers = rules
    .filter(({ meta }) => !LEFT_OUT.has(meta.id))
    .map((rule) => {
      const name = rule.meta.id.replace('@secretlint/secretlint-rule-', '');
      return rule.create(
        {
          sharedOptions: {},
          createTranslator: () => (key) => ({ message: key, messageId: key }),
          report: ({ range: [start, end] }) => void found.push({ start, end, rule: name }),
          ignore: () => undefined,
        },
        {},
      );
    });
  return (content, filePath) => {
    found = [];
    const source: Source = { content, filePath, ext: '', contentType: 'text' };
    for (const handler of handlers) {
      const pending = handler.file?.(source);
      // A rule that answered later would answer for nothing; the versions that are pinned here never do.
      if (pending instanceof Promise) throw new TypeError('a rule of secretlint is asynchronous');
    }
    return found.map((credential) => trimmed(content, credential));
  };
}

/** Some rules report a whole assignment; only its value is the credential. */
function trimmed(text: string, { start, end, rule }: Credential): Credential {
  const match = /^["'`]?[A-Za-z_][\w.-]{0,63}["'`]?\s{0,8}(?:=>|[:=])\s{0,8}["'`]?(?=\S)/.exec(
    text.slice(start, Math.min(end, start + 160)),
  );
  const lead = match?.[0].length ?? 0;
  if (lead === 0 || text.startsWith('://', start + lead - 1)) return { start, end, rule };
  const tail = /["'`]$/.test(text.slice(start + lead, end)) ? 1 : 0;
  return { start: start + lead, end: end - tail, rule };
}
