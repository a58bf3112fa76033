/** Longest shell line that is looked at. */
export const MAX_COMMAND_CHARS = 16_384;
