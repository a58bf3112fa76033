import type { OfferedValue } from './workspace/offer.ts';

/** What a placeholder of a run stands for: a declared secret, or one of its workspace with the value in hand. */
export interface OwnPlaceholder {
  readonly name: string;
  readonly value?: string;
}

/**
 * The one list of placeholders that mean something in one run (E6, K5): those of declared secrets, which the run has in
 * its variables, and those of credentials of its workspace, which it reads in files. In memory, and gone with the run.
 */
export class RunPlaceholders {
  readonly #declared: ReadonlyMap<string, string>;
  readonly #workspace = new Map<string, OwnPlaceholder>();

  /** `declared`: placeholders by name. */
  constructor(declared: ReadonlyMap<string, string>) {
    this.#declared = declared;
  }

  /** Take in values of the workspace in place of those before. */
  hold(values: readonly OfferedValue[]): void {
    this.#workspace.clear();
    for (const { placeholder, name, value } of values) this.#workspace.set(placeholder, { name, value });
  }

  find(text: string): OwnPlaceholder | undefined {
    const declared = [...this.#declared].find(([, placeholder]) => placeholder === text);
    return declared === undefined ? this.#workspace.get(text) : { name: declared[0] };
  }

  /** Whether the run may use this declared secret. */
  has(name: string): boolean {
    return this.#declared.has(name);
  }

  /** The placeholder of the workspace at the end of a text, the longest when one ends another. */
  atEnd(text: string): string | undefined {
    const found = [...this.#workspace.keys()].filter((placeholder) => text.endsWith(placeholder));
    return found.sort((a, b) => b.length - a.length)[0];
  }
}
