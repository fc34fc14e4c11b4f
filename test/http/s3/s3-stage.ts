import { createAccessKey } from '../../../src/core/accounts/credentials.ts'
import { createUser } from '../../../src/core/accounts/users.ts'
import { openTestCore, type TestCore } from '../../core/test-core.ts'
import { createInProcessS3, type S3Client } from './s3-client.ts'

/** An application with an administrator, two users and the public. */
export interface S3Stage {
  readonly opened: TestCore
  readonly admin: S3Client
  readonly s3: S3Client
  readonly userId: string
  readonly other: S3Client
  readonly nobody: S3Client
  /** A new bucket of the first user's. */
  bucket(init?: Parameters<S3Client['call']>[3]): Promise<string>
}

export async function openS3Stage(): Promise<S3Stage> {
  const opened = await openTestCore()
  const { core, admin, adminKey } = opened
  const keyOf = async (name: string) => {
    const { id: userId } = await createUser(core, admin, { name, email: `${name}@example.com`, role: 'user' })
    return createAccessKey(core, admin, { userId, label: 'test' })
  }
  const key = await keyOf('one')
  const s3 = createInProcessS3(core, key)
  let bucketsCount = 0
  return {
    opened,
    admin: createInProcessS3(core, adminKey),
    s3,
    userId: key.userId,
    other: createInProcessS3(core, await keyOf('two')),
    nobody: createInProcessS3(core, undefined),
    async bucket(init) {
      const name = `bucket-${bucketsCount++}`
      const { status, text } = await s3.call('PUT', name, '', init)
      if (status !== 200) throw new Error(text)
      return name
    },
  }
}
