import type { Finding, Severity } from '../../kernel/index.ts';
import { entryOf } from './catalogue.ts';

/** A finding about somebody else's home; requirement ids come from the catalogue, so that there is one list of them. */
export function found(
  id: string,
  severity: Severity,
  title: string,
  facts: { readonly expected: string; readonly found: string; readonly fix: string },
): Finding {
  return { id, severity, title, ...facts, requirements: entryOf(id)?.requirements ?? ['D3'] };
}
