import { Busboy, type BusboyFileStream, type BusboyInstance } from '@fastify/busboy'
import { CuttyError } from '../core/errors.ts'
import { limits } from '../core/limits.ts'
import type { HttpRequest } from './exchange.ts'

/** A file of a multipart form, while it arrives. */
export interface FormFile {
  /** Without a path. */
  readonly fileName: string
  readonly contentType: string | undefined
  /** The fields that came since the file before; those before it too, unless they came again. */
  readonly fields: Readonly<Record<string, string>>
  readonly body: AsyncIterable<Uint8Array>
}

export interface FormReading {
  /** Whether the part of that name is a file. Without it: one that says so, or has the name of a file. */
  readonly isFile?: (field: string) => boolean
  /** Sees each field as it comes, all of it. What it throws ends the reading. */
  readonly onField?: (name: string, value: string) => void
  /** The form has one file: what follows it is passed over. */
  readonly onlyOne?: boolean
}

/**
 * Reads a `multipart/form-data` body, calling `onFile` for one file after the other while the body streams through:
 * a form of any size takes the memory of a chunk. Throws `unsupported_media_type`, `invalid_request` for what is no form,
 * and `body_incomplete` when it breaks off, in which case the file under way gets an error instead of its end.
 */
export async function readForm(
  request: HttpRequest,
  onFile: (file: FormFile) => Promise<void>,
  reading: FormReading = {},
): Promise<void> {
  const parser = createParser(request.header('content-type'), reading)
  const fields: Record<string, string> = {}
  let tasks: Promise<void> = Promise.resolve()
  let failure: unknown
  let [isBegun, isRead] = [false, false]
  const fail = (error: unknown) => {
    failure ??= error
  }
  const streams = new Set<BusboyFileStream>()

  // The parser's types promise a name, but a part need not have one.
  parser.on('field', (name: string | undefined, value, _nameCut, valueCut) => {
    if (isBegun) return
    if (name === undefined) return fail(new CuttyError('invalid_request', 'A part of the form has no name.'))
    if (valueCut)
      fail(
        new CuttyError('too_large', `The form field “${name}” has over ${limits.formFieldBytesMax} bytes.`),
      )
    fields[name] = value
    try {
      if (!failure) reading.onField?.(name, value)
    } catch (error) {
      fail(error)
    }
  })
  parser.on('file', (_field, stream, fileName, _encoding, contentType) => {
    streams.add(stream)
    // The parser tells of an end that came too early before anybody may be reading, and then ends the stream as if
    // nothing were wrong.
    stream.on('error', (error: Error) => stream.destroy(error))
    stream.once('close', () => streams.delete(stream))
    const file: FormFile = {
      fileName: fileName ?? '',
      contentType,
      fields: { ...fields },
      body: readFile(stream),
    }
    delete fields['key']
    const task = failure || isBegun ? Promise.resolve() : onFile(file)
    isBegun = reading.onlyOne === true
    tasks = tasks
      .then(() => task)
      .catch(fail)
      // What was not read must pass, or the parser would wait for it for ever.
      .finally(() => stream.resume())
    task.then(
      () => (isRead = reading.onlyOne === true),
      () => stream.resume(),
    )
  })
  for (const event of ['partsLimit', 'filesLimit', 'fieldsLimit'] as const) {
    parser.on(event, () => {
      if (isBegun) return
      fail(new CuttyError('too_large', `A form may have at most ${limits.formFilesMax} parts.`))
    })
  }
  const finished = new Promise<void>((resolve, reject) => {
    parser.on('finish', () => resolve())
    parser.on('error', reject)
  })
  finished.catch(() => {})

  try {
    for await (const chunk of request.body) {
      if (failure) throw failure
      if (isRead) continue
      // The parser keeps what it is given; the chunk is ours only until the next one.
      await Promise.race([write(parser, new Uint8Array(chunk)), finished])
    }
    if (!isRead) {
      parser.end()
      await finished
    }
  } catch (error) {
    parser.destroy(error as Error)
    // A file that nobody ends would be waited for for ever.
    for (const stream of streams) stream.destroy(asFormError(error))
    await tasks
    throw failure ?? asFormError(error)
  }
  await tasks
  if (failure) throw failure
}

function createParser(contentType: string | undefined, { isFile }: FormReading): BusboyInstance {
  if (!/^multipart\/form-data\s*;/i.test(contentType ?? '')) {
    throw new CuttyError(
      'unsupported_media_type',
      'Send multipart/form-data with a boundary, or PUT the file itself.',
    )
  }
  try {
    return new Busboy({
      headers: { 'content-type': contentType as string },
      ...(isFile && { isPartAFile: (field = '') => isFile(field) }),
      limits: {
        fieldNameSize: 1024,
        fieldSize: limits.formFieldBytesMax,
        files: limits.formFilesMax,
        parts: limits.formFilesMax * 2,
      },
    })
  } catch (cause) {
    throw new CuttyError('invalid_request', `The form cannot be read: ${(cause as Error).message}.`, {
      cause,
    })
  }
}

function write(parser: BusboyInstance, chunk: Uint8Array): Promise<void> {
  return new Promise((resolve, reject) => {
    parser.write(chunk, (error) => (error ? reject(error) : resolve()))
  })
}

async function* readFile(stream: BusboyFileStream): AsyncGenerator<Uint8Array> {
  try {
    // Whoever stops reading leaves the rest to be passed over: of a stream that was destroyed, the parser would hear nothing more.
    for await (const chunk of stream.iterator({ destroyOnReturn: false })) yield chunk as Uint8Array
  } catch (cause) {
    throw asFormError(cause)
  }
}

function asFormError(error: unknown): CuttyError {
  if (error instanceof CuttyError) return error
  return new CuttyError('body_incomplete', 'The form ended before its closing boundary, or is no form.', {
    cause: error,
  })
}
