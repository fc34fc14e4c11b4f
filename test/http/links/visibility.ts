import { bucket, type Stage } from './link-stage.ts'

/** Opens or closes the bucket, as its owner. */
export async function setVisibility(stage: Stage, visibility: 'public' | 'private'): Promise<void> {
  const { status, text } = await stage.call('PATCH', `/api/v1/buckets/${bucket}`, {
    as: stage.ada.key,
    json: { visibility },
  })
  if (status !== 200) throw new Error(text)
}
