/** Where signed checkpoints are kept a second time, best where whoever owns this machine cannot write (T1). */
export type AnchorTarget =
  | { readonly name: string; readonly kind: 'file'; readonly path: string }
  | { readonly name: string; readonly kind: 'folder'; readonly path: string }
  | {
      readonly name: string;
      readonly kind: 'gatehouse';
      /** Base address of the other instance, without a slash at its end. */
      readonly url: string;
      /** Name of the secret with its token. */
      readonly secret: string;
    };

export interface AnchorStatus {
  readonly name: string;
  readonly kind: AnchorTarget['kind'];
  readonly target: string;
  /** Number of the newest checkpoint there; null while that is not known. */
  readonly lastId: number | null;
  /** Unix milliseconds of the last success. */
  readonly lastAt: number | null;
  readonly failure: { readonly code: string; readonly message: string; readonly fix: string } | null;
}
