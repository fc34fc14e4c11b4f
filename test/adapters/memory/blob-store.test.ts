import { createMemoryBlobStore } from '../../../src/adapters/memory/blob-store.ts'
import { blobStoreContract } from '../../contracts/blob-store.ts'

blobStoreContract('memory', async () => ({ subject: createMemoryBlobStore(), cleanup: async () => {} }))
