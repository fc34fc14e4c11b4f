import type { CodecName } from '../core/compression/codec.ts'
import { selfTestCodecs } from '../core/compression/self-test.ts'
import type { Observer } from '../core/ports/observer.ts'

/** The codecs that work in this runtime (R23); the others are told. */
export async function testedCodecs(observe: Observer): Promise<ReadonlySet<CodecName>> {
  const { working, broken } = await selfTestCodecs()
  for (const [codec, problem] of broken) {
    const error = new Error(`The codec ${codec} is out of service: it ${problem}.`)
    observe({ type: 'failure', requestId: undefined, during: 'the self-test of the codecs', error })
  }
  return working
}
