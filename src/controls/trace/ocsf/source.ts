/** Who this install is in its events. */
export interface OcsfSource {
  /** Version of Gatehouse. */
  readonly version: string;
  readonly hostname: string;
}
