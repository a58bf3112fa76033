/**
 * Credentials that say themselves who issued them. A value of such a kind is that wherever it lies, so that nothing a
 * run does with a file makes a credential of one kind into another.
 */
export const CREDENTIAL_KINDS = {
  anthropic: /^sk-ant-/,
  docker: /^dckr_pat_/,
  github: /^(?:gh[pousr]_|github_pat_)/,
  gitlab: /^glpat-/,
  grafana: /^glsa_/,
  huggingface: /^hf_/,
  npm: /^npm_/,
  openai: /^sk-(?!ant-)/,
  pypi: /^pypi-/,
  sendgrid: /^SG\./,
  slack: /^xox[abpors]-/,
  stripe: /^[sr]k_(?:live|test)_/,
  vault: /^hvs\./,
} as const satisfies Readonly<Record<string, RegExp>>;

/** Whether a value shows that kind. */
export function isOfKind(value: string, kind: string): boolean {
  return Object.entries(CREDENTIAL_KINDS).some(([name, pattern]) => name === kind && pattern.test(value));
}
