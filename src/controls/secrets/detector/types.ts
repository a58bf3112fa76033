/** A credential in a text: where its value stands, and which rule found it. Never the value. */
export interface Credential {
  readonly start: number;
  readonly end: number;
  /** For people and findings: `github`, `private-key`, `assignment`, ... */
  readonly rule: string;
}

export interface Detector {
  /**
   * Credentials of a text in order, without overlaps. `path` brings in what is known of files with that name.
   * Time grows with the length of the text alone: every pattern has bounded repetition (attack 93).
   */
  find(text: string, path?: string): readonly Credential[];
}
