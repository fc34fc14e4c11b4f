/**
 * How much more can be stored. Deleting takes room too, for its commit: a store that is filled to its last byte could
 * never be emptied again. So uploads leave some.
 */
export interface Room {
  /**
   * Called before a body of so many bytes is read, or with 0 when its length is not known. Throws `storage_full` when it
   * would not leave enough.
   */
  take(bytes: number): void
}

/** Where nothing runs full. */
export const endlessRoom: Room = { take: () => {} }
