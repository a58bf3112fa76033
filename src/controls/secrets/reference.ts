/** Where a secret comes from and where it may go; the shape that configuration compiles to (K1). */
export interface SecretBinding {
  /** Also its name in placeholders, for example `models.providers.openai.apiKey`. */
  readonly name: string;
  readonly source: 'env' | 'file' | 'exec';
  /** Variable name, absolute path, or the exec argv as a JSON array. */
  readonly id: string;
  /** Canonical host and port that the value may be sent to. */
  readonly host: string;
  readonly port: number;
  /** How the value travels, or what it verifies; see SecretReference. */
  readonly header?: string;
}

/** Which credentials of a workspace a secret stands for: everything that is given has to hold. */
export interface WorkspaceSelector {
  /** As a run sees it, for example `/workspace/.env`. */
  readonly file?: string;
  /** Name beside which the value stands. */
  readonly key?: string;
  /** Kind that the value itself shows; see CREDENTIAL_KINDS. */
  readonly kind?: string;
}

/** A secret that runs use by placeholder: where it comes from, where it may go, and in which places of a request. */
export interface RunSecretBinding {
  /** `workspace`: the values lie in files that runs see masked, and `id` is a WorkspaceSelector in JSON. */
  readonly source: SecretBinding['source'] | 'workspace';
  readonly id: string;
  /** Also the variable in which a run finds its placeholder. */
  readonly name: string;
  /** Canonical hosts and ports. */
  readonly hosts: readonly { readonly host: string; readonly port: number }[];
  /** `authorization: Bearer {}`, `query: key` and the like. */
  readonly places: readonly string[];
}
