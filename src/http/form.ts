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

/**
 * Reads a `multipart/form-data` body, calling `onFile` for one file after the other while the body streams through:
 * a form of any size takes the memory of a chunk. Throws `unsupported_media_type`, `invalid_request` for what is no form,
 * and `body_incomplete` when it breaks off, in which case the file under way gets an error instead of its end.
 */
export async function readForm(
  request: HttpRequest,
  onFile: (file: FormFile) => Promise<void>,
): Promise<void> {
  const parser = createParser(request.header('content-type'))
  const fields: Record<string, string> = {}
  let tasks: Promise<void> = Promise.resolve()
  let failure: unknown
  const fail = (error: unknown) => {
    failure ??= error
  }
  const streams = new Set<BusboyFileStream>()

  parser.on('field', (name, value, _nameCut, valueCut) => {
    if (valueCut)
      fail(
        new CuttyError('too_large', `The form field “${name}” has over ${limits.formFieldBytesMax} bytes.`),
      )
    fields[name] = value
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
    const task = onFile(file)
    tasks = tasks
      .then(() => task)
      .catch(fail)
      // What was not read must pass, or the parser would wait for it for ever.
      .finally(() => stream.resume())
    task.catch(() => stream.resume())
  })
  for (const event of ['partsLimit', 'filesLimit', 'fieldsLimit'] as const) {
    parser.on(event, () =>
      fail(new CuttyError('too_large', `A form may have at most ${limits.formFilesMax} parts.`)),
    )
  }
  const finished = new Promise<void>((resolve, reject) => {
    parser.on('finish', () => resolve())
    parser.on('error', reject)
  })
  finished.catch(() => {})

  try {
    for await (const chunk of request.body) {
      if (failure) throw failure
      // The parser keeps what it is given; the chunk is ours only until the next one.
      await Promise.race([write(parser, new Uint8Array(chunk)), finished])
    }
    parser.end()
    await finished
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

function createParser(contentType: string | undefined): BusboyInstance {
  if (!/^multipart\/form-data\s*;/i.test(contentType ?? '')) {
    throw new CuttyError(
      'unsupported_media_type',
      'Send multipart/form-data with a boundary, or PUT the file itself.',
    )
  }
  try {
    return new Busboy({
      headers: { 'content-type': contentType as string },
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
    for await (const chunk of stream) yield chunk as Uint8Array
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
