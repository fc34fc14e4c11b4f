/** The command line cannot be understood: exit code 2, with what would have been understood. */
export class UsageError extends Error {
  override readonly name = 'UsageError'
  /** What to ask `cutty help` about. */
  readonly topic: string | undefined

  constructor(message: string, topic?: string) {
    super(message)
    this.topic = topic
  }
}

/** What was asked for did not happen: exit code 1. */
export class CommandError extends Error {
  override readonly name = 'CommandError'
}

/** The server's own refusal, as its problem details say it (RFC 9457). */
export class ReplyError extends CommandError {
  readonly status: number
  /** The stable code; `undefined` when something other than a cutty answered. */
  readonly code: string | undefined
  readonly requestId: string | undefined

  constructor(
    message: string,
    reply: { status: number; code?: string | undefined; requestId?: string | undefined },
  ) {
    super(message)
    this.status = reply.status
    this.code = reply.code
    this.requestId = reply.requestId
  }
}
