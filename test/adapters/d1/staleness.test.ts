import { afterAll, expect } from 'vitest'
import { createD1Database } from '../../../src/adapters/d1/database.ts'
import type { Database } from '../../../src/core/ports/database.ts'
import { statements } from '../../../src/core/statements/registry.ts'
import { findSetting } from '../../../src/core/statements/settings.ts'
import { stalenessContract } from '../../contracts/staleness.ts'
import { createLaggingD1 } from './lagging-d1.ts'
import { schema } from './schema.ts'

let copies = 0

// Just before each batch a copy gets all others, and each process asks the primary: for as long as they may, they do not know then.
stalenessContract('D1 whose copies lag', async (clock) => {
  const d1 = createLaggingD1({ schema, copies: 2, random: () => 0 })
  const replicas = { renewMs: 1000, monotonic: () => clock.now() }
  const opened: Database[] = []
  return {
    open() {
      const database = createD1Database(d1, { statements, replicas })
      opened.push(database)
      return {
        ...database,
        async batch(bound) {
          for (const copy of [0, 1]) d1.replicate(copy)
          for (const each of opened) await each.query(findSetting, { name: 'none' })
          return database.batch(bound)
        },
      }
    },
    async cleanup() {
      copies += d1.answered().copies
      d1.close()
    },
  }
})

// And it was put to the test.
afterAll(() => expect(copies).toBeGreaterThan(50))
