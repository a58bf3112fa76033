/** Placeholder until the sections are assembled. */
export interface GatehouseConfig {
  readonly gateway: { readonly port: number };
}
